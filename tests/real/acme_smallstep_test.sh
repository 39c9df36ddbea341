#!/bin/bash
# acme_smallstep: Caddy's acme_server, and step-ca where there is one: the same protocol
# code with habits of its own. A failed challenge stays pending and only gets an error.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"
in_own_network "$@"

issues_and_renews() {
	acme 'names = [ "a.example.org", "b.example.org" ];'
	expect 0 everleaf renew
	is "DNS:a.example.org DNS:b.example.org " "$(names_of www)"
	is_whole www "$1"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	no_token_is_left
}

# Nothing listens at port 80 of the address that it finds for the names.
a_failed_challenge_is_told() {
	local begin=$SECONDS
	end "$(cat web/pid)"
	acme
	expect 1 timeout 100 "$BUILD/everleaf" -c everleaf.conf renew
	says err www.example.org
	says err connection
	[ $((SECONDS - begin)) -lt 90 ]
	no_token_is_left
}

test_caddy_issues_and_renews() {
	start_caddy
	issues_and_renews "$trust"
}

test_caddy_leaves_a_failed_challenge_pending_and_that_is_seen() {
	start_caddy
	a_failed_challenge_is_told
}

test_the_responder_takes_port_80() {
	start_caddy
	end "$(cat web/pid)"
	way=$(by_listening 0.0.0.0:80)
	issues_and_renews "$trust"
}

test_caddy_asks_by_tls_at_port_443() {
	start_caddy
	end "$(cat web/pid)"
	way=$(by_tls 0.0.0.0:443)
	issues_and_renews "$trust"
}

test_step_ca_asks_by_tls_too() {
	start_step_ca
	end "$(cat web/pid)"
	way=$(by_tls 0.0.0.0:443)
	issues_and_renews "$trust"
}

test_step_ca_issues_and_renews() {
	start_step_ca
	issues_and_renews "$trust"
}

test_step_ca_leaves_a_failed_challenge_pending_and_that_is_seen() {
	start_step_ca
	a_failed_challenge_is_told
}

run_tests "$@"
