#!/bin/bash
# rollover: nginx lets in clients of both keys of the embedded CA, and nobody who is revoked.
. "$(dirname "$0")/../lib.sh"
. "$root/tests/lib_mtls.sh"

# nginx demands client certificates; it and its client `app` are everleaf's.
front() {
	nginx_is_there
	mkdir tls
	config <<-C
	issuers = ( { name = "lab"; type = "local"; subject = "CN=Lab CA"; path_length = 0; } );
	defaults = { issuer = "lab"; };
	hooks = ( { name = "server"; run = [ "nginx", "-s", "reload", "-c", "$dir/nginx.conf", "-p", "$dir" ]; } );
	certificates = (
		{ name = "front"; names = "localhost"; hooks = "server";
		files = ( { path = "$dir/tls/server.pem"; content = "combined"; }, { path = "$dir/tls/ca.pem"; content = "ca"; } ); },
		{ name = "app"; names = "app.lab.example"; usage = "client";
		files = ( { path = "$dir/tls/app.pem"; content = "combined"; } ); } );
	crls = ( { name = "clients"; ca = "$dir/state/ca/lab/root.pem"; url = "file://$dir/state/ca/lab/crl.der";
		hooks = "server"; files = ( { path = "$dir/tls/clients.crl"; } ); } );
	C
	placeholder tls/server.pem
	expect 0 everleaf ca lab init
	sed 's/run = .*\];/run = [ "true" ];/' everleaf.conf >running.conf
	mv everleaf.conf with_nginx.conf
	mv running.conf everleaf.conf
	expect 0 everleaf renew
	expect 0 everleaf crl --update
	mv with_nginx.conf everleaf.conf
	cp tls/app.pem old_app.pem
	cp tls/ca.pem old_ca.pem
	free_port
	nginx_starts
	until_true 60 gets_in tls/app.pem
}

# As a client that trusts $trusts.
gets_in() { # PEM
	[ "$(curl -sS -o /dev/null -w '%{http_code}' --cacert "${trusts-$dir/old_ca.pem}" --cert "$1" \
		"https://localhost:$port/" --resolve "localhost:$port:127.0.0.1")" = 200 ]
}

is_kept_out() { # PEM
	local status
	status=$(curl -sS -o /dev/null -w '%{http_code}' --cacert "${trusts-$dir/old_ca.pem}" --cert "$1" \
		"https://localhost:$port/" --resolve "localhost:$port:127.0.0.1") || :
	[ "$status" = 400 ]
}

test_clients_of_both_keys_get_in_during_the_roll_over() {
	front
	expect 0 everleaf ca lab rollover --force
	until_true 60 gets_in old_app.pem
	expect 0 everleaf renew --force app front
	expect 0 everleaf crl --update
	is 2 "$(grep -c BEGIN tls/ca.pem)"
	is 2 "$(grep -c BEGIN tls/clients.crl)"
	until_true 60 gets_in tls/app.pem
	for trusts in old_ca.pem tls/ca.pem state/ca/lab/2/root.pem; do
		until_true 60 gets_in old_app.pem
		until_true 60 gets_in tls/app.pem
	done
	expect 0 everleaf ca lab revoke "$(openssl x509 -in old_app.pem -noout -serial | sed 's/.*=//')"
	expect 0 everleaf crl --update
	until_true 60 is_kept_out old_app.pem
	until_true 60 gets_in tls/app.pem
	expect 0 everleaf ca lab revoke "$(openssl x509 -in tls/app.pem -noout -serial | sed 's/.*=//')"
	expect 0 everleaf crl --update
	until_true 60 is_kept_out tls/app.pem
}

# Its administrator has given it the old root, and the file of lists that the CA writes.
test_a_server_that_knows_the_old_root_alone_lets_in_clients_of_both_keys() {
	front
	expect 0 everleaf ca lab rollover --force
	expect 0 everleaf renew --force app
	sed -i "s|$dir/tls/ca.pem|$dir/old_ca.pem|; s|$dir/tls/clients.crl|$dir/state/ca/lab/crl.pem|" nginx.conf
	nginx -s reload -c "$dir/nginx.conf" -p "$dir"
	until_true 60 gets_in tls/app.pem
	until_true 60 gets_in old_app.pem
	expect 0 everleaf ca lab revoke "$(openssl x509 -in tls/app.pem -noout -serial | sed 's/.*=//')"
	nginx -s reload -c "$dir/nginx.conf" -p "$dir"
	until_true 60 is_kept_out tls/app.pem
	until_true 60 gets_in old_app.pem
}

run_tests "$@"
