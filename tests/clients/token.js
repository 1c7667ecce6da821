// SPDX-License-Identifier: Apache-2.0
//
// token.js - tokens by @azure/identity.
//
//	token.js secret: what the environment's secret gets
//	token.js managed: what IDENTITY_ENDPOINT and IDENTITY_HEADER get
//	token.js certificate FILE: what a PEM file with key and certificate gets
"use strict";

const identity = require("@azure/identity");
const vault = require("./vault.js");

const options = { authorityHost: vault.url, disableInstanceDiscovery: true };
const makes = {
	secret: () => vault.credential,
	managed: () => new identity.ManagedIdentityCredential(),
	certificate: (file) => new identity.ClientCertificateCredential(
		process.env.AZURE_TENANT_ID, process.env.AZURE_CLIENT_ID, file,
		options),
};

(async () => {
	const [kind, ...words] = process.argv.slice(2);
	const got = await makes[kind](...words).getToken(`${vault.url}/.default`);
	if (got.expiresOnTimestamp < Date.now() + 50 * 60 * 1000)
		throw new Error(`it ends at ${got.expiresOnTimestamp}`);
	console.log(got.token);
})().catch((e) => {
	console.error(e);
	process.exit(1);
});
