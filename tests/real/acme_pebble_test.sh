#!/bin/bash
# acme_pebble: certificates from Pebble, the ACME server that Let's Encrypt tests clients
# with: the newer one, strict, except where Debian's own is named.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# Fast, ready to issue by webroot.
pebble() { # [SETTINGS]
	[ -e web/pid ] || start_web
	start_pebble new '"keyAlgorithm": "ecdsa", "retryAfter": { "authz": 1, "order": 1 }'"${1:+, $1}"
}

profiles='"profiles": {
	"long": { "description": "ninety days", "validityPeriod": 7776000 },
	"short": { "description": "six days", "validityPeriod": 518400 } }'

lifetime_days() { # NAME
	local cert=$dir/state/live/$1/cert.pem from to
	from=$(date -d "$(openssl x509 -in "$cert" -noout -startdate | cut -d= -f2)" +%s)
	to=$(date -d "$(openssl x509 -in "$cert" -noout -enddate | cut -d= -f2)" +%s)
	echo $(((to - from + 3600) / 86400))
}

n_chain() { # NAME: certificates in its chain file
	grep -c BEGIN "$dir/state/live/$1/chain.pem" || :
}

issuer_of_chain() { # NAME: who issued the last of it
	tac "$dir/state/live/$1/fullchain.pem" | sed '/BEGIN/q' | tac |
		openssl x509 -noout -issuer -nameopt multiline | sed -n 's/.*commonName *= //p'
}

# -- http-01 --

test_a_webroot_is_enough() {
	pebble
	acme 'names = [ "a.example.org", "b.example.org" ];'
	expect 0 everleaf renew
	is_live_of www 1 1
	is "DNS:a.example.org DNS:b.example.org " "$(names_of www)"
	is_whole www root.pem
	no_token_is_left
	is 1 "$(pebble_asked /order-plz)"
	expect 0 everleaf renew
	is 1 "$(pebble_asked /order-plz)"
}

test_an_older_pebble_issues_too() {
	start_web
	start_pebble own
	acme
	expect 0 everleaf renew
	is_whole www root.pem
	no_token_is_left
}

test_the_responder_answers_where_there_is_no_web_server() {
	free_port
	http=$port
	start_pebble new
	way=$(by_listening "127.0.0.1:$http")
	acme
	expect 0 everleaf renew
	is_whole www root.pem
	not curl -s "http://127.0.0.1:$http/"
}

test_the_responder_answers_by_ipv6() {
	local address4="" address6=::1
	[ -e /proc/net/if_inet6 ] && grep -q '^0*1 ' /proc/net/if_inet6 || skip "this machine has no IPv6"
	free_port
	http=$port
	start_pebble new
	way=$(by_listening "[::]:$http")
	acme
	expect 0 everleaf renew
	is_whole www root.pem
}

test_an_address_is_a_name_too() {
	pebble
	acme 'names = [ "127.0.0.1", "www.example.org" ];'
	expect 0 everleaf renew
	is "DNS:www.example.org IP Address:127.0.0.1 " "$(names_of www)"
}

test_a_hundred_names_are_one_certificate() {
	pebble
	acme "names = [ $(seq -s, -f '"n%g.example.org"' 100) ];"
	expect 0 everleaf renew
	is 100 "$(names_of www | wc -w)"
	no_token_is_left
}

test_fifty_certificates_come_in_one_run() {
	pebble
	acme "names = \"www.example.org\"; } $(printf ', { names = "n%s.example.org"; }' {1..49} | sed 's/ }$//')"
	expect 0 everleaf renew
	is 50 "$(ls state/live | wc -l)"
	is 50 "$(pebble_asked /order-plz)"
	is 50 "$(openssl verify -CAfile root.pem -untrusted state/live/www/chain.pem \
		state/live/*/cert.pem | grep -c OK)"
	no_token_is_left
}

# -- keys --

test_each_kind_of_certificate_key_is_signed() {
	local key
	pebble
	for key in ecdsa-p256 ecdsa-p384 rsa-2048 rsa-3072; do
		acme "names = \"www.example.org\"; key = \"$key\";"
		expect 0 everleaf renew
		is_whole www root.pem
	done
	is_live_of www 4 4
}

# -- nonces, authorizations that are there, a CA that takes its time --

# tests/scale/nonces has a thousand.
test_half_of_the_nonces_may_be_refused() {
	export PEBBLE_WFE_NONCEREJECT=50
	pebble
	acme "names = \"www.example.org\"; } $(printf ', { names = "n%s.example.org"; }' {1..24} | sed 's/ }$//')"
	expect 0 everleaf renew
	is 25 "$(ls state/live | wc -l)"
	is 25 "$(everleaf history | grep -c issued)"
}

test_nine_of_ten_nonces_may_be_refused_and_it_comes_in_the_end() {
	local i
	export PEBBLE_WFE_NONCEREJECT=90
	pebble
	acme
	for i in {1..20}; do
		timeout 60 "$BUILD/everleaf" -c everleaf.conf renew www && break
	done
	is_whole www root.pem
}

test_authorizations_that_are_valid_are_not_shown_again() {
	export PEBBLE_AUTHZREUSE=100
	pebble
	acme
	expect 0 everleaf renew
	cp web/access.log before
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	cmp before web/access.log
}

test_half_of_the_authorizations_may_be_valid() {
	export PEBBLE_AUTHZREUSE=50
	pebble
	acme "names = [ $(seq -s, -f '"n%g.example.org"' 12) ];"
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	no_token_is_left
}

test_a_validation_that_takes_seconds_is_waited_for() {
	export PEBBLE_VA_NOSLEEP="" PEBBLE_VA_SLEEPTIME=3
	pebble
	acme
	expect 0 everleaf renew
	is_live_of www 1 1
	no_token_is_left
}

test_a_wait_that_is_too_long_is_parked_and_the_next_run_goes_on() {
	export PEBBLE_VA_NOSLEEP="" PEBBLE_VA_SLEEPTIME=15
	pebble
	acme
	! everleaf renew --wait 1s >out 2>err || again "all three have looked at once"
	says err "parked until"
	[ ! -e state/live/www ]
	expect 0 everleaf renew
	is_live_of www 1 1
	is 1 "$(pebble_asked /order-plz)"
	no_token_is_left
}

# Seconds, or a date: Pebble sends one or the other as it likes.
test_the_time_that_the_ca_asks_for_is_given() {
	local begin=$SECONDS
	pebble '"retryAfter": { "authz": 3, "order": 3 }'
	acme
	expect 0 everleaf renew
	[ $((SECONDS - begin)) -ge 3 ]
	[ "$(pebble_asked /my-order/)" -le 6 ]
}

# -- chains and profiles --

# None at all: tests/scenario/acme_answers_test.sh, Pebble cannot.
test_chains_of_every_length_are_stored() {
	local length
	for length in 1 2 3; do
		export PEBBLE_CHAIN_LENGTH=$length
		rm -rf state
		pebble
		acme
		expect 0 everleaf renew
		is $length "$(n_chain www)"
		is_whole www root.pem
	done
}

test_another_chain_is_had_by_the_name_of_its_root() {
	local top i
	export PEBBLE_ALTERNATE_ROOTS=2 PEBBLE_CHAIN_LENGTH=2
	pebble
	for i in 1 2 0; do
		top=$(pebble_says /roots/$i | openssl x509 -noout -subject -nameopt multiline |
			sed -n 's/.*commonName *= //p')
		acme 'names = "www.example.org";' "chain = \"$top\";"
		expect 0 everleaf renew --force www
		is "$top" "$(issuer_of_chain www)"
		pebble_says /roots/$i >other.pem
		is_whole www other.pem
	done
}

test_a_chain_that_is_not_offered_is_no_reason_to_have_none() {
	export PEBBLE_ALTERNATE_ROOTS=1
	pebble
	acme 'names = "www.example.org";' 'chain = "No Such Root";'
	expect 0 everleaf renew
	says err "No Such Root"
	is_whole www root.pem
}

test_a_profile_is_asked_for() {
	pebble "$profiles"
	acme 'names = "www.example.org";' 'profile = "short";'
	expect 0 everleaf renew
	is 6 "$(lifetime_days www)"
	acme 'names = "www.example.org";' 'profile = "long";'
	expect 0 everleaf renew --force www
	is 90 "$(lifetime_days www)"
}

test_whatever_profile_the_ca_chooses_is_taken() {
	local i
	pebble "$profiles"
	acme
	for i in 1 2 3 4; do
		expect 0 everleaf renew --force www
	done
	is_live_of www 4 4
}

test_a_profile_that_is_only_preferred_may_be_missing() {
	pebble "$profiles"
	acme 'names = "www.example.org";' 'profile = "tlsserver";'
	expect 0 everleaf renew
	says err tlsserver
	is_live_of www 1 1
}

test_a_profile_that_is_needed_may_not() {
	pebble "$profiles"
	acme 'names = "www.example.org";' 'profile = "tlsserver"; need_profile = true;'
	expect 1 everleaf renew
	says err tlsserver
	[ ! -e state/live/www ]
	is 0 "$(pebble_asked /order-plz)"
}

# -- what goes wrong --

test_what_the_ca_found_instead_of_the_token_is_told() {
	start_web
	http=1 start_pebble new
	acme 'names = [ "a.example.org", "b.example.org" ];'
	expect 1 everleaf renew
	says err "a.example.org"
	says err "connection"
	no_token_is_left
	status_of www last_error | has connection
}

test_a_name_that_the_ca_refuses_is_named() {
	pebble '"domainBlocklist": [ "blocked.example.org" ]'
	acme 'names = [ "www.example.org", "blocked.example.org" ];'
	expect 1 everleaf renew
	says err "rejectedIdentifier"
	says err "blocked.example.org"
	[ ! -e state/live/www ]
}

test_one_that_is_refused_does_not_stop_the_others() {
	pebble '"domainBlocklist": [ "blocked.example.org" ]'
	acme 'names = "blocked.example.org"; }, { name = "good"; names = "good.example.org";'
	expect 1 everleaf renew
	is_live_of good 1 1
	[ ! -e state/live/www ]
}

test_the_next_issuer_is_asked_when_the_first_refuses() {
	pebble '"domainBlocklist": [ "www.example.org" ]'
	local first="{ name = \"first\"; type = \"acme\"; url = \"$url\"; trust = \"$trust\"; }"
	start_pebble new
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( $first, { name = "second"; type = "acme"; url = "$url"; trust = "$trust"; } );
	certificates = ( { name = "www"; names = "www.example.org"; challenge = $(webroot);
		issuer = [ "first", "second" ]; } );
	C
	expect 0 everleaf renew
	is second "$(status_of www issuer)"
	is_whole www root.pem
}

test_a_ca_that_is_not_trusted_is_asked_nothing() {
	pebble
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=other \
		-keyout other.key -out other.pem 2>/dev/null
	trust=$dir/other.pem
	acme
	expect 1 everleaf renew
	says err "localhost:$pebble_port"
	is 0 "$(pebble_asked /sign-me-up)"
}

test_terms_are_agreed_to_by_a_person() {
	pebble
	acme
	sed -i 's/agree_terms = true/agree_terms = false/' everleaf.conf
	timeout 60 "$BUILD/everleaf" -c everleaf.conf renew >out 2>err && fail "agreed to terms"
	says err agree_terms
	is 0 "$(pebble_asked /sign-me-up)"
}

# -- DANE --

# What is live is served, and a client believes nothing but the two TLSA records.
dane_client_accepts() { # RECORD RECORD
	cat state/live/www/privkey.pem state/live/www/fullchain.pem >served.pem
	start_serve served.pem
	openssl s_client -connect "127.0.0.1:$port" -dane_tlsa_domain www.example.org -dane_tlsa_rrdata "$1" \
		-dane_tlsa_rrdata "$2" -verify_return_error </dev/null >client.out 2>&1
}

test_who_has_published_both_records_is_believed_before_and_after_a_renewal() {
	local live next
	pebble
	acme 'names = "www.example.org"; next_key = true;'
	expect 0 everleaf renew
	live=$(status_of www tlsa.live)
	next=$(status_of www tlsa.next)
	dane_client_accepts "$live" "$next"
	not dane_client_accepts "$next" "$next"
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is_whole www root.pem
	is "$next" "$(status_of www tlsa.live)"
	dane_client_accepts "$live" "$next"
	not dane_client_accepts "$live" "$live"
	dane_client_accepts "$next" "$(status_of www tlsa.next)"
}

run_tests "$@"
