/* lab: the CA that the seeds were made with. Nobody has its key. */
#pragma once

#include <stdint.h>

#include <openssl/pem.h>

#include "base/x509.h"

#define LAB_NOW INT64_C(1795000000) /* 2026-11-18T11:06:40Z */

static const char lab_pem[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBTDCB86ADAgECAgEBMAoGCCqGSM49BAMCMA4xDDAKBgNVBAMMA0xhYjAeFw0y\n"
    "NjEwMTkxMTA2NDBaFw00NjExMTMxMTA2NDBaMA4xDDAKBgNVBAMMA0xhYjBZMBMG\n"
    "ByqGSM49AgEGCCqGSM49AwEHA0IABKh+qnjWJQM0z2ALg4grOyqUegHP4MJPhaZI\n"
    "MiSKI5a6pUCvTJc587yjbAftISU4EFgBiYPSnGWzCJK2IJEp1v+jQjBAMA8GA1Ud\n"
    "EwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgEGMB0GA1UdDgQWBBQ5wnjJDruV/AE0\n"
    "9vKLrKRiQncIUTAKBggqhkjOPQQDAgNIADBFAiA+FJ0nLEkr0F+qLq9lrO+80qqb\n"
    "CjQjmyuyFqMxmr32LwIhALsEDfdqLb0Uh6AFB/13cGZRSSWGxclSVdEhrurmHQmu\n"
    "-----END CERTIFICATE-----\n";

/* The caller's; kept for all inputs. */
static inline X509 *lab_read(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *ca = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	return ca;
}

static inline X509 *lab_ca(void)
{
	return lab_read(lab_pem);
}
