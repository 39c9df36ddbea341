#!/bin/bash
# revoked: what a real server serves while its certificate is revoked, and after.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_pki.sh"

# What the CA says now is what it serves.
publish() {
	cp state/ca/lab/crl.der pki/lab.new
	mv pki/lab.new pki/lab.crl
	openssl crl -inform DER -in pki/lab.crl -out crl.pem
}

# As a client does that asks for CRLs.
is_good() { # FILE
	openssl verify -crl_check -CAfile state/ca/lab/root.pem -CRLfile crl.pem "$1"
}

serves_what_is_live() {
	is "$(live_leaf www)" "$(served_leaf "$port")"
}

test_nginx_serves_another_one_within_one_refresh_and_loses_no_request() {
	serve_pki
	mkdir tls
	placeholder tls/www.pem
	start_nginx "$dir/tls/www.pem"
	config <<-C
	issuers = ( { name = "lab"; type = "local"; crl_url = "$pki/lab.crl"; } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; reuse_key = true;
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } );
		hooks = "nginx"; probe = "127.0.0.1:$port"; } );
	hooks = ( $(nginx_hook_config) );
	C
	expect 0 everleaf renew
	publish
	expect 0 everleaf crl --update
	start_agent
	until_true 60 serves_what_is_live
	cp state/live/www/cert.pem before.pem
	start_load "$port" localhost
	expect 0 everleaf ca lab revoke "$(serial_of before.pem)" --reason keyCompromise
	publish
	expect 0 everleaf crl --update
	until_true 60 has_live www 2
	until_true 60 serves_what_is_live
	stop_load
	is 0 "$(load_said failed)"
	stop_agent
	is_good state/live/www/cert.pem
	not is_good before.pem
	not cmp <(openssl x509 -in before.pem -noout -pubkey) \
		<(openssl x509 -in state/live/www/cert.pem -noout -pubkey)
	is new "$(status_of www served.0.verdict)"
	is 1 "$(events www revoked)"
}

run_tests "$@"
