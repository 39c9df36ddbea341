#!/bin/bash
# self: certificates that their own keys have signed, judged by openssl and curl.
. "$(dirname "$0")/../lib.sh"

own() { # [SETTINGS of the issuer [of the certificate]]
	config <<-C
	issuers = ( { name = "own"; type = "self"; ${1-} } );
	certificates = ( { name = "www"; names = [ "localhost", "127.0.0.1" ]; issuer = "own"; ${2-} } );
	C
}

key() { # GENERATION
	openssl pkey -in "state/archive/www/000000000$1/privkey.pem" -pubout
}

test_it_is_its_own_authority_and_no_other() {
	own 'lifetime = "2d";' "files = ( { path = \"$dir/trust.pem\"; content = \"ca\"; } );"
	expect 0 everleaf renew
	cmp trust.pem state/live/www/cert.pem
	openssl verify -x509_strict -purpose sslserver -CAfile trust.pem state/live/www/fullchain.pem
	openssl x509 -in trust.pem -noout -text -nameopt RFC2253 >text
	says text 'Subject: CN=localhost'
	says text 'CA:FALSE'
	says text 'DNS:localhost, IP Address:127.0.0.1'
	openssl x509 -in trust.pem -noout -checkend 172000 && not openssl x509 -in trust.pem -noout -checkend 173000
	[ ! -e state/ca/own ]
	[ ! -s state/live/www/chain.pem ]
	expect 0 everleaf renew
	is_live_of www 1 1
	expect 0 everleaf status
	has_no revoked <out # nobody can
}

test_a_server_serves_it_to_whoever_trusts_it() {
	own
	expect 0 everleaf renew
	start_nginx "$dir/state/live/www/fullchain.pem" "$dir/state/live/www/privkey.pem"
	curl -sS --cacert state/live/www/cert.pem "https://localhost:$port/"
	not curl -sS "https://localhost:$port/"
}

test_a_name_that_no_common_name_can_have_stands_among_the_names() {
	local long=a123456789.b123456789.c123456789.d123456789.e123456789.f123456789.example.org
	config <<-C
	issuers = ( { name = "own"; type = "self"; } );
	certificates = ( { name = "www"; names = "$long"; issuer = "own"; } );
	C
	expect 0 everleaf renew
	openssl x509 -in state/live/www/cert.pem -noout -text -nameopt RFC2253 >text
	says text "DNS:$long"
	says text 'Subject: CN=self-signed'
}

test_what_nobody_can_revoke_is_replaced_with_a_new_key() {
	own '' 'reuse_key = true;'
	expect 0 everleaf renew
	expect 2 everleaf revoke www --reason keyCompromise
	says err "www: it is self-signed, so nobody can revoke it: whoever trusts it has to be told; everleaf revoke www --replace"
	is_live_of www 1 1
	expect 0 everleaf revoke www --replace --reason keyCompromise
	says err "www: generation 1 was self-signed, so nobody can revoke it: whoever trusts it has to be told"
	is_live_of www 2 2
	[ "$(key 1)" != "$(key 2)" ]
	expect 0 everleaf renew
	is "" "$(cat err)"
	expect 0 everleaf renew --force www
	is "$(key 2)" "$(key 3)"
}

test_settings_of_others_are_refused() {
	own 'subject = "CN=x"; url = "https://ca.example/";'
	expect 2 everleaf check
	says err "everleaf.conf:3: issuers.own.subject: found a setting that does not belong here"
	says err "everleaf.conf:3: issuers.own.url: found"
	own
	expect 2 everleaf ca own init
	says err 'own: not an embedded CA'
}

run_tests "$@"
