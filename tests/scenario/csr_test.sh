#!/bin/bash
# csr: a signing request of the user's own, whose key everleaf never has.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

elsewhere=elsewhere # where its key is

request() { # [OPTION of openssl req...]: for www.example.org, from a new key
	mkdir -p "$elsewhere"
	openssl ecparam -name prime256v1 -genkey -noout -out "$elsewhere/key.pem"
	again "$@"
}

again() { # [OPTION of openssl req...]: from the key that is there
	[ $# != 0 ] || set -- -subj / -addext 'subjectAltName=DNS:www.example.org,DNS:example.org'
	openssl req -new -key "$elsewhere/key.pem" "$@" -out www.csr
}

of_request() { # [SETTINGS of the certificate]
	config <<-C
	certificates = ( { name = "www"; csr = "$dir/www.csr"; issuer = "local"; ${1-} } );
	C
}

at_ca() { # a scripted one, of which the request wants its certificate
	start_ca </dev/null
	acme "csr = \"$dir/www.csr\";"
}

is_certified() { # the key of the request, and no key is ours
	is "$(openssl req -in www.csr -noout -pubkey)" "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)"
	is "" "$(find state -name privkey.pem -o -name .pending)"
}

test_the_same_request_is_certified_at_each_renewal() {
	request
	of_request "files = ( { path = \"$dir/chain.pem\"; content = \"fullchain\"; } );"
	expect 0 everleaf renew
	is_live_of www 1 1
	is_certified
	is "cert.pem chain.pem csr.pem fullchain.pem" "$(cd state/live/www/ && ls cert.pem chain.pem csr.pem fullchain.pem | xargs)"
	is "$(openssl req -in www.csr)" "$(cat state/live/www/csr.pem)"
	is "DNS:example.org DNS:www.example.org " "$(names_of www)"
	cmp chain.pem state/live/www/fullchain.pem
	expect 0 everleaf renew
	is "" "$(cat out err)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_certified
	not cmp -s state/archive/www/000000000{1,2}/cert.pem
	expect 0 everleaf status
	expect 0 everleaf rollback www
	is 1 "$(live www)"
}

test_an_acme_ca_is_sent_that_request() {
	request
	at_ca
	expect 0 timeout 60 "$BUILD/everleaf" -c everleaf.conf renew
	is_live_of www 1 1
	is_certified
	is "DNS:example.org DNS:www.example.org " "$(names_of www)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_certified
	no_token_is_left
	no_fault
}

test_a_common_name_alone_is_a_name_too() {
	request -subj /O=Example/CN=WWW.Example.org
	of_request
	expect 0 everleaf renew
	is "DNS:www.example.org " "$(names_of www)"
}

test_another_request_brings_another_certificate() {
	request
	of_request
	expect 0 everleaf renew
	request
	expect 0 everleaf plan
	says out key-differs
	expect 0 everleaf renew
	is_live_of www 2 2
	is_certified
	again -subj / -addext 'subjectAltName=DNS:new.example.org'
	expect 0 everleaf plan
	says out names-differ
	expect 0 everleaf renew
	is_live_of www 3 3
	is "DNS:new.example.org " "$(names_of www)"
}

test_an_agent_takes_up_a_request_that_was_replaced() {
	request
	of_request
	start_agent
	until_true 60 has_live www 1
	until_true 60 nothing_is_pending www
	request
	until_true 60 has_live www 2
	stop_agent
	is_certified
}

test_a_key_of_ours_gives_way_to_a_request_and_comes_back() {
	config <<-C
	certificates = ( { name = "www"; names = ( "www.example.org", "example.org" ); issuer = "local"; } );
	C
	expect 0 everleaf renew
	cp everleaf.conf ours.conf
	request
	of_request
	expect 0 everleaf plan
	says out key-differs
	expect 0 everleaf renew
	is_live_of www 2 2
	[ ! -e state/live/www/privkey.pem ]
	cp ours.conf everleaf.conf
	expect 0 everleaf renew
	is_live_of www 3 3
	is_whole www
	[ ! -e state/live/www/csr.pem ]
	expect 2 everleaf rollback www 2
	says err "its key is not here"
	is 3 "$(live www)"
	expect 0 everleaf rollback www # past that one
	is 1 "$(live www)"
}

test_files_with_the_key_are_refused() {
	local content
	request
	for content in key combined pkcs12 sds; do
		of_request "
		files = ( { path = \"$dir/out.json\"; content = \"$content\"; $([ $content != pkcs12 ] || echo "password_file = \"$dir/secret\";") } );"
		install -m 600 /dev/null secret
		expect 2 everleaf check
		is 1 "$(grep -c "^$dir/everleaf.conf:[0-9]*: certificates.www.files.*content: found \"$content\", expected one without the private key: with csr it is elsewhere" err)"
	done
}

test_what_is_no_good_request_is_refused_with_its_place() {
	request
	of_request
	cp www.csr good.csr
	openssl req -in good.csr -outform der -out www.csr
	expect 2 everleaf check
	says err "everleaf.conf:$(grep -n csr everleaf.conf | cut -d: -f1): certificates.www.csr: found \"$dir/www.csr\", expected a signing request: "
	says err "openssl req -inform der"
	cp "$elsewhere/key.pem" www.csr
	expect 2 everleaf check
	says err "no signing request in PEM"
	again -subj /O=Example
	expect 2 everleaf check
	says err "it asks for no name"
	again -subj '/CN=my server'
	expect 2 everleaf check
	says err 'its common name "my server"'
	# signed by another key than the one in it
	{
		openssl req -in good.csr -outform der | head -c -8
		printf 'xxxxxxxx'
	} | openssl base64 | sed '1i -----BEGIN CERTIFICATE REQUEST-----
$a -----END CERTIFICATE REQUEST-----' >www.csr
	expect 2 everleaf check
	says err "not signed by its own key"
	cp good.csr www.csr
	chmod 666 www.csr
	expect 2 everleaf check
	says err "others can write it"
}

test_a_key_that_was_revoked_is_not_certified_again() {
	request
	of_request
	expect 0 everleaf renew
	expect 0 everleaf revoke www
	expect 1 everleaf renew
	says err "a request with a new one has to be put into $dir/www.csr"
	is_live_of www 1 1
	request
	expect 0 everleaf renew
	is_live_of www 2 2
}

test_a_request_for_the_key_of_an_account_is_refused_before_anything_is_ordered() {
	request
	at_ca
	expect 0 everleaf renew
	cp state/accounts/ca/account.key "$elsewhere/key.pem"
	again
	expect 1 everleaf renew
	says err "it is the key of the account at \"ca\", and cannot be a certificate's too"
	is 1 "$(asked order)"
	is_live_of www 1 1
}

test_an_account_is_not_made_with_the_key_of_a_certificate() {
	start_ca </dev/null
	config <<-C
	certificates = ( { name = "www"; names = "www.example.org"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	acme
	mkdir -p state/accounts/ca
	install -m 600 state/live/www/privkey.pem state/accounts/ca/account.key
	! is_root || chown -R 61002:61002 state/accounts
	expect 1 everleaf renew
	says err "the key of the account is that of the certificate www"
	is 0 "$(asked account)"
}

run_tests "$@"
