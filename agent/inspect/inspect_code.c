#include "agent/inspect/inspect_code.h"

static const struct row {
	const char *word;
	enum inspect_weight weight;
	const char *remedy;
} rows[FOUND_CODES] = {
	[FOUND_EXPIRED] = { "expired", WEIGHT_ERROR,
			    "get a new one; a service that still uses this one must be "
			    "reloaded" },
	[FOUND_NOT_YET_VALID] = { "not-yet-valid", WEIGHT_ERROR,
				  "wait, or set the clock of this host if it is "
				  "wrong" },
	[FOUND_EXPIRES_SOON] = { "expires-soon", WEIGHT_WARNING,
				 "renew it now, and find out why that has not "
				 "happened" },
	[FOUND_KEY_MISMATCH] = { "key-mismatch", WEIGHT_ERROR,
				 "put the key that the certificate was issued for "
				 "beside it, or have a new one issued for this key" },
	[FOUND_KEY_WEAK] = { "key-weak", WEIGHT_ERROR,
			     "make a new key: ecdsa-p256, or rsa-2048 at least" },
	[FOUND_KEY_EXPOSED] = { "key-exposed", WEIGHT_WARNING,
				"run chmod o-rwx on it; if others had an account here, "
				"make a new key" },
	[FOUND_KEY_ENCRYPTED] = { "key-encrypted", WEIGHT_NOTE,
				  "to look into it, name a file with its password: "
				  "--password-file FILE" },
	[FOUND_KEY_BROKEN] = { "key-broken", WEIGHT_ERROR,
			       "copy the file again from where it works" },
	[FOUND_SIGNATURE_WEAK] = { "signature-weak", WEIGHT_ERROR,
				   "have it issued again with SHA-256; clients refuse "
				   "this one" },
	[FOUND_SIGNATURE_WRONG] = { "signature-wrong", WEIGHT_ERROR,
				    "get both certificates again from the issuer: one "
				    "of them is not what it looks like" },
	[FOUND_NO_NAMES] = { "no-names", WEIGHT_ERROR,
			     "have it issued again with its names as subject "
			     "alternative names; the common name is not looked at" },
	[FOUND_NOT_FOR_SERVERS] = { "not-for-servers", WEIGHT_NOTE,
				    "fine for a client; for a server have one issued "
				    "with serverAuth" },
	[FOUND_SELF_SIGNED] = { "self-signed", WEIGHT_WARNING,
				"have clients trust this very certificate, or get one "
				"from a CA" },
	[FOUND_LEAF_ALONE] = { "leaf-alone", WEIGHT_NOTE,
			       "a server needs the chain as well (fullchain.pem), "
			       "unless a root has issued it" },
	[FOUND_CHAIN_INCOMPLETE] = { "chain-incomplete", WEIGHT_ERROR,
				     "append the certificate of that issuer, as the CA "
				     "gave it with this one; if it is a root, name its "
				     "file, too" },
	[FOUND_CHAIN_ORDER] = { "chain-order", WEIGHT_WARNING,
				"put the leaf first and each issuer after what it has "
				"signed" },
	[FOUND_CHAIN_EXTRA] = { "chain-extra", WEIGHT_WARNING,
				"take it out, nobody needs it there" },
	[FOUND_CHAIN_TWICE] = { "chain-twice", WEIGHT_WARNING,
				"take the second one out" },
	[FOUND_ROOT_INCLUDED] = { "root-included", WEIGHT_NOTE,
				  "it may be left out: who trusts it has it" },
	[FOUND_AUTHORITY_UNKNOWN] = { "authority-unknown", WEIGHT_WARNING,
				      "if it is your own CA, have clients trust its "
				      "root; if not, the next certificate of the chain "
				      "is missing" },
	[FOUND_REVOKED] = { "revoked", WEIGHT_ERROR,
			    "replace it, with a new key if the old one was lost" },
	[FOUND_CRL_EXPIRED] = { "crl-expired", WEIGHT_ERROR,
				"fetch the current one; if there is none, its issuer "
				"must sign one" },
	[FOUND_CRL_NOT_YET_VALID] = { "crl-not-yet-valid", WEIGHT_ERROR,
				      "wait, or set the clock of this host if it is "
				      "wrong" },
	[FOUND_CRL_ENDLESS] = { "crl-endless", WEIGHT_WARNING,
				"have its issuer say when the next one comes" },
	[FOUND_CRL_SIGNATURE] = { "crl-signature", WEIGHT_ERROR,
				  "fetch it again from its issuer" },
	[FOUND_CSR_SIGNATURE] = { "csr-signature", WEIGHT_ERROR,
				  "make it again; no CA will take this one" },
	[FOUND_CSR_NO_NAMES] = { "csr-no-names", WEIGHT_WARNING,
				 "make it again with subject alternative names" },
	[FOUND_PASSWORD_NEEDED] = { "password-needed", WEIGHT_NOTE,
				    "to look into it, name a file with its password: "
				    "--password-file FILE" },
	[FOUND_PASSWORD_WRONG] = { "password-wrong", WEIGHT_ERROR,
				   "find the password that it was made with; it is the "
				   "first line of the file that is named" },
	[FOUND_PASSWORD_EMPTY] = { "password-empty", WEIGHT_WARNING,
				   "who can read it has the key: give it a password, "
				   "or let only its service read it" },
	[FOUND_P12_LEGACY] = { "p12-legacy", WEIGHT_WARNING,
			       "make it again with AES-256 and PBKDF2" },
	[FOUND_PEM_BROKEN] = { "pem-broken", WEIGHT_ERROR,
			       "copy it again, whole, from where it works" },
	[FOUND_BYTES_AFTER] = { "bytes-after", WEIGHT_WARNING,
				"copy it again: a file in DER is one thing and ends "
				"with it" },
	[FOUND_EMPTY] = { "empty", WEIGHT_ERROR,
			  "write it again; a full disk may have left it" },
	[FOUND_NOT_THIS] = { "not-a-certificate", WEIGHT_ERROR,
			     "name a file with a certificate, key, request, "
			     "revocation list or PKCS#12 in it" },
	[FOUND_TOO_LARGE] = { "too-large", WEIGHT_ERROR,
			      "name the file that you mean" },
	[FOUND_NAME_UNKNOWN] = { "name-unknown", WEIGHT_ERROR,
				 "look at the spelling, at DNS and at "
				 "/etc/resolv.conf" },
	[FOUND_REFUSED] = { "connection-refused", WEIGHT_ERROR,
			    "look whether the service runs, and listens on this port "
			    "and address" },
	[FOUND_NO_ANSWER] = { "no-answer", WEIGHT_ERROR,
			      "look for a firewall on the way, and whether the service "
			      "hangs" },
	[FOUND_NO_ROUTE] = { "no-route", WEIGHT_NOTE,
			     "ask from a host that has this kind of address" },
	[FOUND_STARTTLS_REFUSED] = { "starttls-refused", WEIGHT_ERROR,
				     "turn TLS on in the service; its own log says why "
				     "it has none" },
	[FOUND_STARTTLS_SILENT] = { "wrong-protocol", WEIGHT_ERROR,
				    "name the scheme that is spoken there: tls://, "
				    "smtp://, ..." },
	[FOUND_NOT_TLS] = { "not-tls", WEIGHT_ERROR,
			    "turn TLS on for this port, or name the scheme that begins "
			    "without it: smtp://, ..." },
	[FOUND_TLS_OLD] = { "tls-old", WEIGHT_WARNING,
			    "turn TLS 1.2 and 1.3 on in the service; browsers refuse "
			    "what is older" },
	[FOUND_NO_COMMON_TLS] = { "no-common-tls", WEIGHT_ERROR,
				  "turn TLS 1.2 and 1.3 on in the service, with its "
				  "default ciphers" },
	[FOUND_NAME_REFUSED] = { "name-refused", WEIGHT_ERROR,
				 "configure a virtual host for this name, or ask for "
				 "one that it has" },
	[FOUND_HANDSHAKE_FAILED] = { "handshake-failed", WEIGHT_ERROR,
				     "its log says why; often it has no certificate, "
				     "or "
				     "cannot read its key" },
	[FOUND_CLIENT_CERTIFICATE] = { "client-certificate", WEIGHT_NOTE,
				       "clients need one that it trusts; without, it "
				       "may refuse them" },
	[FOUND_NAME_MISMATCH] = { "name-mismatch", WEIGHT_ERROR,
				  "use a name that it has, or have it issued for this "
				  "name, too" },
	[FOUND_NOT_A_SERVER] = { "not-a-server", WEIGHT_ERROR,
				 "have one issued with serverAuth" },
	[FOUND_STAPLE_MISSING] = { "staple-missing", WEIGHT_ERROR,
				   "turn OCSP stapling on, or have it issued without "
				   "must-staple" },
	[FOUND_ADDRESSES_DIFFER] = { "addresses-differ", WEIGHT_WARNING,
				     "reload the service at each address; one of them "
				     "has an older one" },
	[FOUND_OLD_GENERATION] = { "old-generation", WEIGHT_ERROR,
				   "reload the service, or look at its hooks: everleaf "
				   "history" },
	[FOUND_NOT_OURS] = { "not-ours", WEIGHT_WARNING,
			     "point the service to the files of this certificate: "
			     "everleaf status" },
	[FOUND_TOO_MANY] = { "too-many", WEIGHT_WARNING, "split the file" },
};

const char *inspect_code_word(enum inspect_code code)
{
	return rows[code].word;
}

enum inspect_weight inspect_code_weight(enum inspect_code code)
{
	return rows[code].weight;
}

const char *inspect_code_remedy(enum inspect_code code)
{
	return rows[code].remedy;
}

const char *inspect_weight_word(enum inspect_weight weight)
{
	return weight == WEIGHT_ERROR     ? "error"
	       : weight == WEIGHT_WARNING ? "warning"
					  : "note";
}
