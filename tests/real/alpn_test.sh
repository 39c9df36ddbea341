#!/bin/bash
# alpn: tls-alpn-01, as a real CA asks for it. (Caddy: acme_smallstep_test.sh.)
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Pebble, which asks at port $tls_port, for a certificate that is shown there.
pebble() {
	free_port
	tls_port=$port
	start_pebble "${1-new}"
	way=$(by_tls "127.0.0.1:$tls_port")
}

# What a client gets that asks for NAME by PROTOCOL: a certificate's names, or nothing.
shown_for() { # NAME PROTOCOL [TLS]
	timeout 20 openssl s_client -connect "127.0.0.1:$tls_port" -servername "$1" -alpn "$2" ${3-} \
		</dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName 2>/dev/null | tr -d ' \n'
}

is_answered() { # NAME
	[ "$(shown_for "$1" acme-tls/1)" = "X509v3SubjectAlternativeName:DNS:$1" ]
}

# A run of everleaf as process $run, with a name that is shown to a CA that waits until it is
# to go on.
renew_until_shown() {
	free_port
	tls_port=$port
	slow_pebble
	way=$(by_tls "127.0.0.1:$tls_port")
	acme
	renew_while is_answered www.example.org
}

nothing_listens() {
	not curl -sk "https://127.0.0.1:$tls_port/"
}

test_names_and_an_address_are_shown_by_tls() {
	pebble
	acme 'names = [ "a.example.org", "b.example.org", "127.0.0.1" ];'
	expect 0 everleaf renew
	is "DNS:a.example.org DNS:b.example.org IP Address:127.0.0.1 " "$(names_of www)"
	is_whole www root.pem
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	nothing_listens
}

test_an_older_pebble_is_content_too() {
	pebble own
	acme
	expect 0 everleaf renew
	is_whole www root.pem
}

test_ipv6_is_as_good() {
	local address4="" address6=::1
	[ -e /proc/net/if_inet6 ] && grep -q '^0*1 ' /proc/net/if_inet6 || skip "this machine has no IPv6"
	pebble
	way=$(by_tls "[::]:$tls_port")
	acme 'names = [ "www.example.org", "::1" ];'
	expect 0 everleaf renew
	is_whole www root.pem
}

test_only_who_asks_as_a_ca_does_is_shown_anything() {
	renew_until_shown
	is "" "$(shown_for other.example.org acme-tls/1)"
	is "" "$(shown_for www.example.org h2)"
	is "" "$(shown_for www.example.org acme-tls/1,h2)"
	is "" "$(shown_for www.example.org acme-tls/1 -tls1_1)"
	is "" "$(curl -sk -m 20 "http://127.0.0.1:$tls_port/metrics")"
	is_answered www.example.org
	pebble_goes_on
	wait "$run"
	is_live_of www 1 1
	nothing_listens
}

# Neither the certificate's key nor the account's.
test_its_key_is_for_nothing_else() {
	local shown
	renew_until_shown
	shown=$(timeout 20 openssl s_client -connect "127.0.0.1:$tls_port" -servername www.example.org \
		-alpn acme-tls/1 </dev/null 2>/dev/null | openssl x509 -noout -pubkey)
	[ -n "$shown" ]
	pebble_goes_on
	wait "$run"
	[ "$shown" != "$(openssl pkey -in state/live/www/privkey.pem -pubout)" ]
	[ "$shown" != "$(openssl pkey -in state/accounts/ca/account.key -pubout)" ]
}

test_slow_clients_do_not_keep_a_ca_out() {
	local i fds=()
	renew_until_shown
	for i in {1..300}; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$tls_port" && printf '\x16\x03\x01' >&"$fd"
		fds+=("$fd")
	done 2>/dev/null
	is_answered www.example.org
	pebble_goes_on
	for fd in "${fds[@]}"; do
		exec {fd}>&-
	done
	wait "$run"
	is_live_of www 1 1
}

test_certificates_that_share_a_name_take_turns() {
	pebble
	acme 'names = [ "a.example.org", "b.example.org" ]; }, { name = "second"; names = [ "b.example.org",
		"c.example.org" ]; }, { name = "third"; names = [ "c.example.org", "a.example.org" ];'
	expect 0 everleaf renew
	is_whole www root.pem
	is_whole second root.pem
	is_whole third root.pem
	is 3 "$(pebble_asked /order-plz)"
}

test_twenty_orders_come_at_once() {
	pebble
	acme "names = \"www.example.org\"; } $(printf ', { names = "n%s.example.org"; }' {1..19} | sed 's/ }$//')"
	expect 0 everleaf renew
	is 20 "$(ls state/live | wc -l)"
	is 20 "$(pebble_asked /order-plz)"
}

test_http_and_tls_are_answered_side_by_side() {
	free_port
	http=$port
	pebble
	acme "names = \"www.example.org\"; }, { name = \"http\"; names = [ \"a.example.org\", \"b.example.org\" ];
		challenge = ( { type = \"http-01\"; listen = \"127.0.0.1:$http\"; only = \"a.example.org\"; }, $way );"
	expect 0 everleaf renew
	is_whole www root.pem
	is_whole http root.pem
}

test_one_that_is_killed_is_started_again_with_its_names() {
	renew_until_shown
	kill -9 "$(role alpn)"
	pebble_goes_on
	wait "$run"
	says err "the responder is gone: starting it again"
	is_live_of www 1 1
}

test_an_agent_that_is_killed_shows_its_names_again() {
	renew_until_shown
	kill -9 "$(role agent)"
	pebble_goes_on
	wait "$run"
	is_live_of www 1 1
	is 1 "$(pebble_asked /order-plz)"
	nothing_listens
}

has_no_alpn() {
	! has_role alpn
}

# OpenSSL is there as long as such an order is.
test_a_daemon_has_one_without_tls_before_and_after() {
	free_port
	metrics=$port
	pebble
	acme
	echo "http = \"127.0.0.1:$metrics\";" >>everleaf.conf
	start_agent
	until_true 60 has_live www 1
	until_true 60 has_no_alpn
	until_true 60 has_role responder
	curl -sf "http://127.0.0.1:$metrics/healthz"
	nothing_listens
	stop_agent
}

test_a_port_in_use_is_said() {
	pebble
	cat tls/cert.pem tls/key.pem >both.pem
	start_nginx "$dir/both.pem"
	way=$(by_tls "127.0.0.1:$port")
	acme
	expect 1 everleaf renew
	says err "listen 127.0.0.1:$port: Address already in use"
}

run_tests "$@"
