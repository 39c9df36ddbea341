#!/bin/bash
# acme_hostile: a CA that means harm, or is broken. The run ends in time and says why, the
# live pair stays as it is, nothing is executed or written elsewhere, no process grows.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

PEAK_KIB=65536
patience=20 # seconds for one run

# A certificate is live; what comes next must not touch it.
with_a_live_pair() {
	start_ca </dev/null
	acme 'names = [ "a.example.org", "b.example.org" ];' "${1-}"
	expect 0 everleaf renew
	pair >before
	touch marker
}

pair() {
	stat -L -c '%n %i %s %Y' state/live/www/*
	readlink state/live/www
}

# Tokens stay where they are while an order is under way.
written_elsewhere() {
	find . -newer marker -type f -not -path './state/*' -not -path './ca/*' -not -path './run/*' \
		-not -regex "./$www/.well-known/acme-challenge/[A-Za-z0-9_-]*" \
		-not -name out -not -name err -not -name rss -not -name log -not -name why
}

# The CA does what is on stdin; the renewal fails and says WORDS.
refused() { # WORDS
	script
	expect 1 timeout $patience "$root/tests/tools/peak" rss \
		"$BUILD/everleaf" -c everleaf.conf renew --force www
	says err "$1"
	nothing_happened
}

nothing_happened() {
	pair | diff before -
	is "" "$(written_elsewhere)"
	# The sanitizers need more.
	[[ $BUILD = */san ]] || [ "$(cat rss)" -lt $PEAK_KIB ] || fail "$(cat rss) KiB"
}

# -- URLs --

test_another_origin_is_not_spoken_to() {
	local step here elsewhere
	with_a_live_pair
	here=localhost:$(cat ca/port)
	for step in authz challenge finalize cert; do
		for elsewhere in evil.example localhost:1 localhost.evil.example "$here@evil.example"; do
			refused "https://$elsewhere/$step" <<-S
			any * sub https://$here/$step https://$elsewhere/$step
			S
		done
	done
	refused https://evil.example/order <<-S
	directory * set newOrder "https://evil.example/order"
	S
	refused https://evil.example/poll <<-S
	order * sub https://$here/poll https://evil.example/poll
	S
	no_fault
}

test_only_https_is_spoken() {
	with_a_live_pair
	refused "http://localhost" <<-S
	order * sub https:// http://
	S
	refused "http://localhost" <<-S
	directory * sub https:// http://
	S
	refused "file:///etc/passwd" <<-S
	finalize * set certificate "file:///etc/passwd"
	poll * set certificate "file:///etc/passwd"
	S
}

test_no_redirect_is_followed() {
	local step
	with_a_live_pair
	for step in directory nonce order authz challenge poll finalize cert; do
		refused 302 <<-S
		$step * status 302
		$step * header Location: https://localhost:$(cat ca/port)/elsewhere
		$step * header Retry-After:
		S
	done
	is 0 "$(asked elsewhere)"
}

test_an_order_without_an_address_is_none() {
	with_a_live_pair
	refused "URL of the order" <<-S
	order * without Location
	S
	is 0 "$(grep -c '^authz [3-9]' ca/log)"
}

test_urls_that_are_none_are_said() {
	with_a_live_pair
	refused "URL to finalize" <<-S
	order * unset finalize
	poll * unset finalize
	S
	refused "URL of an authorization" <<-S
	order * set authorizations [5, null, {}]
	S
	refused "order" <<-S
	order * set authorizations ["https://localhost:$(cat ca/port)/$(printf 'x%.0s' {1..5000})"]
	S
	refused newOrder <<-S
	directory * unset newOrder
	S
}

# -- tokens --

test_a_token_is_no_path_no_command_and_not_long() {
	local token
	with_a_live_pair
	for token in '../../../../evil-token-of-a-ca' '/tmp/evil-token-of-a-ca-00000' \
		'$(touch '"$dir"'/executed)abcdefgh' '`id`-aaaaaaaaaaaaaaaaaaaaaaaaa' \
		'aaaaaaaaaaaaaaaaaaaaaaaa\n' short '' \
		'aaaaaaaaaaaaaaaaaaaaaaaaaaa=' 'ééééééééééééééééééééééé' \
		"$(printf 'x%.0s' {1..10240})"; do
		refused "is not a token" <<-S
		authz * set challenges.1.token "$token"
		S
		[ -n "$token" ] || says err '"" is not a token'
	done
	[ ! -e executed ]
	refused token <<-S
	authz * set challenges.1.token "aaaaaaaaaaaaaaaaaaaaaaaaaa\u0000"
	S
	refused token <<-S
	authz * unset challenges.1.token
	S
	refused token <<-S
	authz * set challenges.1.token 1234567890
	S
}

test_more_authorizations_than_names_are_refused() {
	with_a_live_pair
	refused authoriz <<-S
	order * set authorizations [ $(seq -s, -f "\"https://localhost:$(cat ca/port)/authz/3?%g\"" 300) ]
	S
}

# -- sizes --

test_what_has_no_end_is_cut() {
	with_a_live_pair
	refused "too large (headers)" <<-S
	directory * endless headers
	S
	refused "too large (one header)" <<-S
	order * endless line
	S
	refused "too large (body)" <<-S
	authz * endless body
	S
	refused "too large (body)" <<-S
	cert * endless body
	S
}

test_what_is_compressed_is_not_unpacked() {
	with_a_live_pair
	refused order <<-S
	order * gzip 314572800
	S
	refused cert <<-S
	cert * gzip 314572800
	S
}

test_deep_json_is_refused() {
	with_a_live_pair
	refused order <<-S
	order * deep 200000
	S
	refused directory <<-S
	directory * deep 200000
	S
}

test_what_is_no_json_is_said() {
	local text
	with_a_live_pair
	for text in '' '[]' 'null' '{"status": "pending"' '"ready"' '{"status": 5}' '{}' '<html>'; do
		refused order <<-S
		order * body $text
		poll * body $text
		S
	done
}

test_a_chain_without_end_is_refused() {
	with_a_live_pair
	refused chain <<-S
	finalize * issue many 200
	S
}

# -- certificates --

test_a_certificate_for_another_key_is_never_installed() {
	with_a_live_pair
	refused key <<-S
	finalize * issue key
	S
}

# As a CA may that remembers what it made for these names before.
test_an_older_certificate_is_not_installed_for_an_order_that_is_valid_at_once() {
	with_a_live_pair
	refused key <<-S
	order * set status "valid"
	order * set certificate "${url%/directory}$(sed -n 's/^cert 1 \([^ ]*\).*/\1/p' ca/log)"
	S
	is 1 "$(asked finalize)"
}

test_a_certificate_for_other_names_is_never_installed() {
	with_a_live_pair
	refused evil.example.org <<-S
	finalize * issue names a.example.org b.example.org evil.example.org
	S
	refused b.example.org <<-S
	finalize * issue names a.example.org
	S
}

test_a_chain_with_something_else_in_it_is_never_installed() {
	with_a_live_pair
	refused "Scripted stranger" <<-S
	finalize * issue extra
	S
}

test_a_chain_that_comes_the_wrong_way_round_is_installed_the_right_way() {
	with_a_live_pair
	script <<-S
	finalize * issue reversed
	S
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www
}

test_a_chain_with_a_key_in_it_is_never_installed() {
	with_a_live_pair
	refused "not of certificates only" <<-S
	finalize * issue private
	S
	not grep -rq "$(sed -n 2p ca/stranger.key)" state
}

test_what_is_no_certificate_is_never_installed() {
	with_a_live_pair
	refused certificate <<-S
	finalize * issue none
	S
	refused certificate <<-S
	cert * body -----BEGIN CERTIFICATE-----
	S
	refused certificate <<-S
	cert * body <html>
	S
}

# -- names and words --

test_an_authorization_for_another_name_is_none() {
	with_a_live_pair
	refused "a name that was not asked for" <<-S
	authz * set identifier.value "evil.example.org"
	S
}

test_the_words_of_a_ca_cannot_paint_on_the_terminal() {
	with_a_live_pair
	refused rejectedIdentifier <<-S
	order * problem rejectedIdentifier no
	order * set detail "red \u001b[31m bell \u0007 line\nnext\u0000 $(printf 'x%.0s' {1..9000})"
	S
	has_no $'[\001-\010\013-\037]' <err
	[ "$(wc -L <err)" -lt 3000 ]
}

test_a_nonce_cannot_bring_a_header() {
	with_a_live_pair
	script <<-S
	any * header Replay-Nonce: abc\\0def
	S
	expect 1 timeout $patience "$BUILD/everleaf" -c everleaf.conf renew --force www
	pair | diff before -
}

# -- time --

test_an_end_of_the_connection_is_said_at_each_step() {
	local step
	with_a_live_pair
	for step in directory nonce order authz challenge poll finalize cert; do
		echo "$step * close" | refused "https://localhost:$(cat ca/port)"
	done
}

# The same world in a folder of its own, so that all can wait at once.
hangs() { # FOLDER RULE
	(
		dir=$dir/$1
		patience=100
		mkdir "$dir"
		cd "$dir"
		with_a_live_pair
		echo "$2" | refused "https://localhost:$(cat ca/port)"
	)
}

test_each_step_that_hangs_is_given_up() {
	local step begin=$SECONDS waits=()
	for step in connect directory nonce order authz challenge poll finalize cert; do
		hangs $step "$step * hang" &
		waits+=($!)
	done
	hangs drip "order * endless drip" &
	waits+=($!)
	for step in "${waits[@]}"; do
		wait "$step" || fail "$(cat "$dir"/*/why)"
	done
	[ $((SECONDS - begin)) -lt 100 ]
}

run_tests "$@"
