#!/bin/bash
# acme_names: names that a real CA does not find, in one way or in any.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Where the CA is told that a name is.
at() { # NAME ADDRESS
	curl -sf -d "{\"host\": \"$1.\"}" "http://127.0.0.1:$names_port/clear-a"
	curl -sf -d "{\"host\": \"$1.\", \"addresses\": [ \"$2\" ]}" "http://127.0.0.1:$names_port/add-a"
}

# A Pebble that asks a web server for http-01, and us for tls-alpn-01.
pebble() { # own|new [SETTINGS]
	start_web
	free_port
	tls_port=$port
	start_pebble "$@"
}

# Of a name that is needed, and one that is not and is nowhere.
without_old() { # own|new
	pebble "$1"
	at old.example.org 127.0.0.9
	acme 'names = "www.example.org"; optional = "old.example.org";'
	expect 0 everleaf renew
	is_whole www root.pem
	is "DNS:www.example.org " "$(names_of www)"
	says err "old.example.org is left out"
	is old.example.org "$(status_of www setbacks.1.name)"
	is true "$(status_of www setbacks.0.left_out)"
	expect 0 everleaf renew
	is_live_of www 1 1
	no_token_is_left
}

test_a_name_that_is_nowhere_is_left_out_and_comes_back() {
	without_old new
	at old.example.org 127.0.0.1
	python3 - "$dir/state/agent/state.db" <<-'P'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	db.execute("UPDATE setback SET retry_at = 1, sum = NULL WHERE way = ''")
	db.commit()
	P
	expect 0 everleaf renew
	is_live_of www 2 2
	is "DNS:old.example.org DNS:www.example.org " "$(names_of www)"
}

test_an_older_pebble_says_enough_too() {
	without_old own
}

test_a_name_that_is_blocked_is_left_out() {
	pebble new '"domainBlocklist": [ "old.example.org" ]'
	acme 'names = "www.example.org"; optional = "old.example.org";'
	expect 0 everleaf renew
	is "DNS:www.example.org " "$(names_of www)"
}

test_what_no_web_server_shows_is_shown_by_tls() {
	pebble new
	way="( $(www=elsewhere webroot), $(by_tls "127.0.0.1:$tls_port") )" acme
	expect 0 everleaf renew
	is_whole www root.pem
	says err "www.example.org is shown by tls-alpn-01"
	is "http-01 $dir/elsewhere" "$(status_of www setbacks.0.challenge)"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
}

run_tests "$@"
