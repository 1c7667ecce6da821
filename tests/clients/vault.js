// SPDX-License-Identifier: Apache-2.0
//
// vault.js - Azure's clients pointed at a vault: what tests/lib/clients.bash
// has put into the environment.
"use strict";

const { ClientSecretCredential } = require("@azure/identity");

const url = process.env.TIDEMARK_VAULT_URL;

exports.url = url;
exports.subscription = process.env.AZURE_SUBSCRIPTION_ID;
// Instance discovery would ask a server of Microsoft's whether it knows us.
exports.credential = new ClientSecretCredential(
	process.env.AZURE_TENANT_ID,
	process.env.AZURE_CLIENT_ID,
	process.env.AZURE_CLIENT_SECRET,
	{ authorityHost: url, disableInstanceDiscovery: true },
);
exports.options = {
	endpoint: url,
	credentialScopes: `${url}/.default`,
	retryOptions: { maxRetries: 0 },
};

// All of a list that comes in pages.
exports.all = async (pages) => {
	const out = [];
	for await (const one of pages) out.push(one);
	return out;
};

// What an answer that is an error says: "STATUS CODE".
exports.refusal = async (promise) => {
	try {
		await promise;
	} catch (e) {
		return `${e.statusCode} ${e.code ?? e.details?.error?.code}`;
	}
	return "no error";
};
