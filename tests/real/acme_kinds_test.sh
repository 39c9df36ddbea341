#!/bin/bash
# acme_kinds: names of every kind, and a request of the user's own, at a real CA. (Wildcards:
# dns01; addresses by tls-alpn-01: alpn.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Both addresses of this host, one port.
test_addresses_are_shown_by_the_responder() {
	start_pebble new
	way="( $(by_listening "127.0.0.1:$http"), $(by_listening "[::1]:$http") )" \
		acme 'names = [ "www.example.org", "127.0.0.1", "::1" ];'
	expect 0 everleaf renew
	is_whole www root.pem
	is "DNS:www.example.org IP Address:0:0:0:0:0:0:0:1 IP Address:127.0.0.1 " "$(names_of www)"
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_name_of_other_letters_is_asked_for_as_the_dns_has_it() {
	start_web
	start_pebble new
	acme 'names = [ "Bücher.example.org", "www.例え.example.org" ];'
	expect 0 everleaf renew
	is_whole www root.pem
	is "DNS:www.xn--r8jz45g.example.org DNS:xn--bcher-kva.example.org " "$(names_of www)"
	expect 0 everleaf renew
	is_live_of www 1 1
	no_token_is_left
}

a_hundred_of() { # own|new
	start_web
	start_pebble "$1"
	acme "names = [ $(seq -s, -f '"n%g.example.org"' 100) ];"
	expect 0 everleaf renew
	is_whole www root.pem
	is 100 "$(names_of www | wc -w)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	no_token_is_left
}

test_a_hundred_names_are_in_one_certificate() {
	a_hundred_of new
}

test_a_hundred_names_of_an_older_pebble() {
	a_hundred_of own
}

test_a_request_of_the_users_own_is_certified_and_renewed() {
	start_web
	start_pebble new
	mkdir -m 700 elsewhere
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout elsewhere/key.pem \
		-subj / -addext subjectAltName=DNS:www.example.org,DNS:example.org -out www.csr 2>/dev/null
	acme "csr = \"$dir/www.csr\";"
	expect 0 everleaf renew
	is "DNS:example.org DNS:www.example.org " "$(names_of www)"
	openssl verify -CAfile root.pem -untrusted state/live/www/fullchain.pem state/live/www/cert.pem
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is "$(openssl pkey -in elsewhere/key.pem -pubout)" "$(openssl x509 -in state/live/www/cert.pem -noout -pubkey)"
	[ ! -e state/live/www/privkey.pem ]
}

# A Pebble of now goes by it, in days as in hours.
test_the_lifetime_that_is_configured_is_asked_for() {
	start_web
	start_pebble new
	acme 'names = "www.example.org";' 'lifetime = "30h";'
	expect 0 everleaf renew
	is_whole www root.pem
	openssl x509 -in state/live/www/cert.pem -noout -checkend $((29 * 3600))
	not openssl x509 -in state/live/www/cert.pem -noout -checkend $((30 * 3600 + 60))
}

run_tests "$@"
