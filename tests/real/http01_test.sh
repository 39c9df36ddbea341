#!/bin/bash
# http01: where a real CA looks for tokens. A webroot behind nginx, or the responder; what
# is wrong with them is said, and nothing is left.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Pebble, and a port that nobody has, in $http.
start_without_web() {
	free_port
	http=$port
	start_pebble own
}

test_a_web_server_reads_the_token_whatever_the_umask() {
	start_web
	start_pebble own
	acme
	umask 077
	expect 0 everleaf renew
	umask 022
	is_live_of www 1 1
	no_token_is_left
}

test_a_webroot_of_somebody_else_is_written_to_and_stays_theirs() {
	is_root || skip "needs root: to give a folder to somebody"
	start_web
	start_pebble own
	acme
	mkdir -p "$www/.well-known/acme-challenge"
	chown -R 65534:65534 "$www"
	chmod -R 755 "$www"
	expect 0 everleaf renew
	is "65534 65534" "$(stat -c %u "$www/.well-known" "$www/.well-known/acme-challenge" | xargs)"
	is "" "$(ls -A "$www/.well-known/acme-challenge")"
}

test_a_webroot_that_is_a_link_is_followed() {
	start_web
	start_pebble own
	acme
	mv "$www" release-7
	ln -s release-7 "$www"
	expect 0 everleaf renew
	is "" "$(ls -A release-7)"
}

test_a_link_below_the_webroot_is_named_and_not_followed() {
	start_web
	start_pebble own
	acme
	mkdir elsewhere
	ln -s ../elsewhere "$www/.well-known"
	expect 1 everleaf renew
	says err "$dir/$www"
	says err ".well-known in it is a symbolic link"
	is "" "$(ls -A elsewhere)"
}

test_a_webroot_that_is_not_there_is_an_error_of_configuration() {
	url=https://localhost:1/dir trust=$dir/root.pem
	placeholder "$trust"
	acme
	rmdir "$www"
	expect 2 everleaf check
	says err "everleaf.conf:5: "
	says err "challenge.webroot: found \"$dir/$www\", expected a folder that exists"
	expect 2 everleaf renew
	[ ! -e state ]
}

test_a_port_in_use_says_who_should_move() {
	start_web
	start_pebble own
	way=$(by_listening "127.0.0.1:$http")
	acme
	expect 1 everleaf renew
	says err "listen 127.0.0.1:$http: Address already in use: is a web server running there?"
}

test_one_port_in_use_does_not_stop_the_others() {
	local taken
	start_without_web
	cat tls/cert.pem tls/key.pem >both.pem
	start_nginx "$dir/both.pem" # anything that is there
	taken=$port
	way=$(by_listening "127.0.0.1:$http")
	acme "names = \"a.example.org\"; }, { name = \"b\"; names = \"b.example.org\";
		challenge = $(by_listening "127.0.0.1:$taken");"
	expect 1 everleaf renew
	is_live_of www 1 1
	[ ! -e state/live/b ]
	says err "listen 127.0.0.1:$taken"
}

# As a service manager does it: the program is begun with the first connection, and the
# sockets are its descriptors from 3 on.
activated() { # ADDRESS...
	local a listen=()
	PATH=$PATH:/usr/bin
	command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not installed"
	for a; do
		listen+=(-l "$a")
	done
	systemd-socket-activate "${listen[@]}" "$BUILD/everleaf" -c "$dir/everleaf.conf" agent \
		>agent.out 2>agent.err </dev/null &
	run=$!
	started $run
	until_true 60 connects "${1##*:}"
}

has_no_responder() {
	! has_role responder
}

connects() { # PORT
	(exec 8<>"/dev/tcp/127.0.0.1/$1")
}

test_a_socket_of_the_service_manager_is_used_and_stays_bound() {
	start_without_web
	way=$(by_listening "127.0.0.1:$http") acme
	activated "127.0.0.1:$http"
	until_true 60 has_live www 1
	until_true 60 has_no_responder
	connects "$http"
	kill -USR1 $run
	until_true 60 said 'looking at everything'
	connects "$http"
	has_no 'service manager' <agent.err
	stop_agent
	is_live_of www 1 1
}

test_one_that_nothing_listens_on_is_said() {
	start_without_web
	way=$(by_listening "127.0.0.1:$http") acme
	free_port
	activated "127.0.0.1:$port" "127.0.0.1:$http"
	until_true 60 has_live www 1
	says agent.err "socket 1 of the service manager: nothing is configured"
	has_no "socket 2" <agent.err
	stop_agent
}

test_an_order_that_fails_leaves_no_token_and_the_next_run_orders_again() {
	start_without_web # nobody is where the CA looks
	acme
	expect 1 everleaf renew
	says err "connection"
	no_token_is_left
	expect 1 everleaf renew www
	is 2 "$(pebble_asked /order-plz)"
	no_token_is_left
}

# A run of everleaf as process $run, with a token that is shown to a CA that waits until it
# is to go on.
renew_until_shown() {
	free_port
	http=$port
	slow_pebble
	way=$(by_listening "127.0.0.1:$http")
	acme
	renew_while token_is_shown
}

token_is_shown() { # as far as can be seen from outside
	curl -s -o /dev/null "http://127.0.0.1:$http/"
}

test_a_responder_that_is_killed_is_started_again_with_its_tokens() {
	renew_until_shown
	kill -9 "$(role responder)"
	pebble_goes_on
	wait "$run"
	says err "the responder is gone: starting it again"
	is_live_of www 1 1
	not token_is_shown
}

test_an_agent_that_is_killed_shows_its_tokens_again() {
	renew_until_shown
	kill -9 "$(role agent)"
	pebble_goes_on
	wait "$run"
	is_live_of www 1 1
	is 1 "$(pebble_asked /order-plz)"
	not token_is_shown
}

# A run that was killed as a whole, with its token still in the webroot.
leave_a_token() {
	start_web
	slow_pebble
	way=$(webroot)
	acme
	renew_while find_token
	kill -9 "$run"
	pebble_goes_on
	no_role_is_left
	find_token
}

find_token() {
	[ -n "$(find "$www" -type f)" ]
}

test_a_token_of_a_certificate_that_is_gone_is_taken_back() {
	leave_a_token
	config <<-C
	certificates = ( { names = "localhost"; issuer = "local"; challenge = $way; } );
	C
	expect 0 everleaf renew
	no_token_is_left
}

test_a_token_of_an_address_that_is_not_ours_any_more_is_gone() {
	renew_until_shown
	kill -9 "$run"
	pebble_goes_on
	no_role_is_left
	config <<-C
	certificates = ( { names = "localhost"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	is "" "$(cat err)"
}

test_a_token_in_a_webroot_that_is_not_ours_any_more_is_told_of() {
	leave_a_token
	config <<-C
	certificates = ( { names = "localhost"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	says err "www: $dir/$www is not in the configuration any more; the token "
	find_token
	expect 0 everleaf renew
	is "" "$(cat err)"
}

run_tests "$@"
