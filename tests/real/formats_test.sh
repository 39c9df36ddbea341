#!/bin/bash
# formats: each file is read by those that it is made for.
. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin:/sbin

has_program() { # PROGRAM PACKAGE
	command -v "$1" >/dev/null || skip "$1 (Debian: $2) is not installed"
}

# A certificate for server and client, with the password "correct horse".
www() { # FILES [SETTINGS of the certificate]
	mkdir -p tls
	(umask 077 && echo "correct horse" >pass)
	config <<-C
	issuers = ( { name = "lab"; type = "local"; intermediate = true; } );
	certificates = ( { name = "www"; names = [ "localhost", "127.0.0.1" ]; issuer = "lab";
		usage = [ "server", "client" ]; files = ( $1 ); ${2-} } );
	C
	expect 0 everleaf renew
}

file() { # NAME CONTENT [SETTINGS]
	printf '{ path = "%s"; content = "%s"; %s }' "$dir/tls/$1" "$2" "${3-}"
}

secret() { echo "password_file = \"$dir/pass\";"; }

live_public() { openssl pkey -in state/live/www/privkey.pem -pubout; }

# -- Java --

java_reads() { # SETTINGS
	has_program keytool "a JRE"
	www "$(file p12 pkcs12 "$(secret) ${1-}")"
	keytool -list -v -storetype PKCS12 -keystore tls/p12 -storepass "correct horse" >said
	has 'Alias name: www' <said
	has 'Entry type: PrivateKeyEntry' <said
	has 'Certificate chain length: 2' <said
	keytool -importkeystore -srcstoretype PKCS12 -srckeystore tls/p12 \
		-srcstorepass "correct horse" -deststoretype PKCS12 -destkeystore copied \
		-deststorepass "another one" 2>/dev/null
	is "$(live_public)" \
		"$(openssl pkcs12 -in copied -passin "pass:another one" -nocerts -nodes | openssl pkey -pubout)"
}

test_java_reads_pkcs12() { java_reads; }

test_java_reads_legacy_pkcs12() { java_reads "legacy = true;"; }

test_java_reads_a_certificate_in_der_and_trust_anchors() {
	has_program keytool "a JRE"
	www "$(file cert.der der), $(file ca ca)"
	keytool -printcert -file tls/cert.der | tr -d : | tr A-Z a-z | has "sha256 $(live_leaf www)"
	keytool -importcert -noprompt -alias lab -file tls/ca -keystore anchors -storepass "another one" 2>/dev/null
	keytool -list -alias lab -keystore anchors -storepass "another one" | has trustedCertEntry
}

# Without the mark of Java it would be no entry at all.
java_trusts() { # SETTINGS
	has_program keytool "a JRE"
	www "$(file trust truststore "$(secret) ${1-}")"
	keytool -list -v -storetype PKCS12 -keystore tls/trust -storepass "correct horse" >said
	has 'Alias name: www-1' <said
	has 'Entry type: trustedCertEntry' <said
	tr -d : <said | tr A-Z a-z | has "sha256 $(openssl x509 -in state/ca/lab/root.pem -outform DER | sha256sum | cut -c 1-64)"
}

test_java_trusts_a_truststore() { java_trusts; }

test_java_trusts_a_legacy_truststore() { java_trusts "legacy = true;"; }

# -- nginx --

nginx_reads() { # CERTIFICATE KEY [SETTINGS]
	nginx_config 1 "$1" "$2"
	sed -i "s|^.*server_name.*|& ${3-}|" nginx.conf
	nginx -t -q -c "$dir/nginx.conf" -p "$dir"
}

test_nginx_reads_every_form_of_a_key() {
	has_program nginx nginx
	www "$(file full fullchain), $(file key key), $(file old key 'format = "traditional";'),
		$(file sealed key "$(secret)"), $(file both combined 'order = "cert-first";')"
	nginx_reads "$dir/tls/full" "$dir/tls/key"
	nginx_reads "$dir/tls/full" "$dir/tls/old"
	nginx_reads "$dir/tls/full" "$dir/tls/sealed" "ssl_password_file $dir/pass;"
	nginx_reads "$dir/tls/both" "$dir/tls/both"
	: >empty
	not nginx_reads "$dir/tls/full" "$dir/tls/sealed" "ssl_password_file $dir/empty;"
}

test_nginx_reads_a_traditional_rsa_key() {
	has_program nginx nginx
	www "$(file full fullchain), $(file old key 'format = "traditional";')" 'key = "rsa-2048";'
	head -n 1 tls/old | has 'BEGIN RSA PRIVATE KEY'
	nginx_reads "$dir/tls/full" "$dir/tls/old"
}

# -- HAProxy --

test_haproxy_reads_a_combined_file_in_either_order() {
	has_program haproxy haproxy
	www "$(file key.pem combined), $(file cert.pem combined 'order = "cert-first";'),
		$(file old.pem combined 'format = "traditional";'), $(file ca ca)"
	for pem in key cert old; do
		cat >haproxy.cfg <<-C
		defaults
		 mode http
		 timeout client 1s
		 timeout server 1s
		 timeout connect 1s
		frontend f
		 bind 127.0.0.1:1 ssl crt $dir/tls/$pem.pem ca-file $dir/tls/ca verify optional
		C
		haproxy -c -f haproxy.cfg
	done
}

# -- curl --

start_server() { # what curl asks; it wants a certificate of the client
	free_port
	openssl s_server -accept "127.0.0.1:$port" -cert tls/full -cert_chain tls/full \
		-key state/live/www/privkey.pem -CAfile tls/ca -Verify 3 -verify_return_error \
		-www -quiet 2>server.err &
	started $!
	until_true 60 is_there
}

is_there() { # a server, whatever it answers
	curl -sk -o /dev/null "https://127.0.0.1:$port/" || [ $? != 7 ]
}

gets() { # OPTIONS of curl; what it ends with may be 77
	curl --resolve "localhost:$port:127.0.0.1" -sS -o said "$@" "https://localhost:$port/" || return 1
}

test_curl_trusts_by_the_bundle_and_the_folder_and_shows_pkcs12() {
	mkdir -p tls/cas
	www "$(file full fullchain), $(file ca ca), $(file cas hashed),
		$(file p12 pkcs12 "$(secret)"), $(file pem combined "$(secret)")"
	start_server
	local p12=(--cert-type P12 --cert "tls/p12:correct horse")
	gets "${p12[@]}" --cacert tls/ca
	gets "${p12[@]}" --capath tls/cas
	gets --cert tls/pem --pass "correct horse" --cacert tls/ca
	not gets --cacert tls/ca
	not gets "${p12[@]}" --capath tls
}

# -- Node and Python --

test_node_reads_pkcs12_and_encrypted_keys() {
	has_program node nodejs
	www "$(file p12 pkcs12 "$(secret)"), $(file old.p12 pkcs12 "legacy = true; $(secret)"),
		$(file key key "$(secret)"), $(file der key "format = \"der\"; $(secret)"), $(file full fullchain),
		$(file cert.der der), $(file ca ca)"
	node -e '
		const fs = require("fs"), tls = require("tls"), crypto = require("crypto");
		const passphrase = "correct horse", read = (f) => fs.readFileSync("tls/" + f);
		tls.createSecureContext({ pfx: read("p12"), passphrase });
		tls.createSecureContext({ pfx: read("old.p12"), passphrase });
		tls.createSecureContext({ cert: read("full"), key: read("key"), passphrase });
		tls.createSecureContext({ ca: read("ca") });
		const ca = new crypto.X509Certificate(read("ca"));
		if (!ca.verify(ca.publicKey)) throw "not of itself";
		new crypto.X509Certificate(read("cert.der"));
		crypto.createPrivateKey({ key: read("der"), format: "der", type: "pkcs8", passphrase });
	'
}

test_python_reads_an_encrypted_combined_file() {
	has_program python3 python3
	www "$(file pem combined "$(secret)")"
	python3 -c '
import ssl
ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain("tls/pem", password="correct horse")'
}

run_tests "$@"
