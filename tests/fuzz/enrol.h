/*
 * enrol: what the CAs of the enrolment targets issue, and to whom: two keys of the host's,
 * the certificate of each, and the two CAs above. Nobody has the keys of these.
 */
#pragma once

#include <openssl/x509.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/csr.h"
#include "base/err.h"
#include "base/key.h"
#include "base/names.h"
#include "base/x509.h"
#include "ca/enrolled.h"
#include "tests/fuzz/fuzz.h"

static const char enrol_root[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBLzCB1qADAgECAgEBMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBFJvb3QwHhcN\n"
    "MjYxMDE5MTEwNjQwWhcNNDYxMTEzMTEwNjQwWjAPMQ0wCwYDVQQDDARSb290MFkw\n"
    "EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFAEblNfnFlhEldjHjdzomOJ8jlsGTweX\n"
    "7cvncl40ealRmwEsLZ9T+1I+XeZmkYn9HISNp1Ze2UOq4ZTxRhuQmqMjMCEwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwCgYIKoZIzj0EAwIDSAAwRQIh\n"
    "AO7NcGePomadV54d6gGOub/lwRS/UvOtUYlryDd5SV42AiBHxzX3Czo4O0oQj8SA\n"
    "6gzdEJ56AhpZ9PXUXQ6BOfoHlw==\n"
    "-----END CERTIFICATE-----\n";

static const char enrol_sub[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBLTCB1aADAgECAgECMAoGCCqGSM49BAMCMA8xDTALBgNVBAMMBFJvb3QwHhcN\n"
    "MjYxMDE5MTEwNjQwWhcNNDYxMTEzMTEwNjQwWjAOMQwwCgYDVQQDDANTdWIwWTAT\n"
    "BgcqhkjOPQIBBggqhkjOPQMBBwNCAASI2VnEbWdfTRt74YMflKDrJYD70q+c2d3K\n"
    "KCvnij7iFJEYOQmfB3t9w8L+7XK/qfrdpXvkAj6UQquiYyxSICiNoyMwITAPBgNV\n"
    "HRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIBBjAKBggqhkjOPQQDAgNHADBEAiBR\n"
    "VkAryQF2Gk6YGuNhkN8jmZaYuoky5Xoxa5PuzaL3HAIgLe4LnhqQhpQkPO9BUD3T\n"
    "tLunWzfeGN9P7tdNSO5YloY=\n"
    "-----END CERTIFICATE-----\n";

static const char enrol_leaf[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBODCB3qADAgECAgEDMAoGCCqGSM49BAMCMA4xDDAKBgNVBAMMA1N1YjAeFw0y\n"
    "NjEwMTkxMTA2NDBaFw0yNzAxMTcxMTA2NDBaMBoxGDAWBgNVBAMMD3d3dy5leGFt\n"
    "cGxlLm9yZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABEXw8Va3Ml045pMxHUVU\n"
    "dTeztEpBoQ1IzeAtNyz9Z66eduB7u/rZfMd/o+J0iwqCTS2gIZldqsG+OzlI2gTd\n"
    "WyKjITAfMB0GA1UdEQEB/wQTMBGCD3d3dy5leGFtcGxlLm9yZzAKBggqhkjOPQQD\n"
    "AgNJADBGAiEAjiJ88dMuezwCs70ugH8bl+Se2YVEhloZXxMQLcjA8pYCIQDt/pm+\n"
    "pphgqlG4Ni1w8VHRWZ48YYjDWKoZhuXd6cZNYg==\n"
    "-----END CERTIFICATE-----\n";

static const char enrol_next[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBHTCBxKADAgECAgEEMAoGCCqGSM49BAMCMA4xDDAKBgNVBAMMA1N1YjAeFw0y\n"
    "NjEwMTkxMTA2NDBaFw0yNzAxMTcxMTA2NDBaMAAwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATlXpKWqsRbFjAyf+lKu7ksjpbj0jVyaCJKnqy3PqzkgRMjfRn4GPxH\n"
    "VUFvQMv/za0qeaKqDRb3lPijAI2dg2qFoyEwHzAdBgNVHREBAf8EEzARgg93d3cu\n"
    "ZXhhbXBsZS5vcmcwCgYIKoZIzj0EAwIDSAAwRQIhAIymKU1Tuoc95n5JxzO0ln+O\n"
    "3eRkdROnSR5psyiaJlrgAiAlDrVWe3d3oc8o8bBrzt+aXObeAS0WIeDe96bdc6nS\n"
    "qQ==\n"
    "-----END CERTIFICATE-----\n";

static const char enrol_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgYFmY5L3m3GpLPP94\n"
    "zqQoSnz5wvFiQ7xYvYFA0Sr+c+ihRANCAARF8PFWtzJdOOaTMR1FVHU3s7RKQaEN\n"
    "SM3gLTcs/Weunnbge7v62XzHf6PidIsKgk0toCGZXarBvjs5SNoE3Vsi\n"
    "-----END PRIVATE KEY-----\n";

static const char enrol_nextkey[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKNWMzk2Hja3xkV9G\n"
    "LaHCyeNpBG10fGhJupTe4qAiKwahRANCAATlXpKWqsRbFjAyf+lKu7ksjpbj0jVy\n"
    "aCJKnqy3PqzkgRMjfRn4GPxHVUFvQMv/za0qeaKqDRb3lPijAI2dg2qF\n"
    "-----END PRIVATE KEY-----\n";

/* The key that is asked for: the second one, or that of what is live. Kept for all inputs;
 * what is returned is the caller's. */
static inline EVP_PKEY *enrol_key_of(bool next)
{
	static EVP_PKEY *keys[2];
	const char *pem = next ? enrol_nextkey : enrol_key;
	struct err e;

	if (keys[next] == NULL)
		assert(key_from_pem(pem, strlen(pem), &keys[next], &e) == 0);
	assert(EVP_PKEY_up_ref(keys[next]) == 1);
	return keys[next];
}

static inline void enrol_csr(bool next, const struct csr_asks *asks, struct buf *der)
{
	AUTO_KEY EVP_PKEY *key = enrol_key_of(next);
	const struct name name = { .kind = NAME_DNS, .value = "www.example.org" };
	struct err e;

	assert(csr_make_as(key, asks, &name, 1, der, &e) == 0);
}

/* What has come begins with a certificate for the key that was asked for, and is told what
 * it has to lead to. */
static inline void enrol_hold(const struct enrolled *r, bool next)
{
	AUTO_KEY EVP_PKEY *key = enrol_key_of(next);
	AUTO_CHAIN STACK_OF(X509) *chain = NULL, *anchors = NULL;
	struct err e;

	assert(x509_chain_from_pem(r->chain.data, r->chain.len, &chain, &e) == 0);
	assert(x509_chain_from_pem(r->anchors.data, r->anchors.len, &anchors, &e) == 0);
	assert(X509_check_private_key(sk_X509_value(chain, 0), key) == 1);
}

static inline void enrol_done(struct enrolled *r)
{
	buf_done(&r->chain);
	buf_done(&r->anchors);
	free(r->note);
}
