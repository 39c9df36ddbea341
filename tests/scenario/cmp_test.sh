#!/bin/bash
# cmp: a server that errs, as tests/tools/cmp_ca.c does: what is told, and that what is live
# stays.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_pki.sh"
. "$(dirname "$0")/../lib_cmp.sh"

start() {
	start_cmp_ca
	host=${url%/cmp}
	corp
	expect 0 everleaf renew
	is_live_of www 1 1
	leaf=$(live_leaf www)
}

# It fails with these words, which name server and step; what is live stays.
fails() { # LABEL WORDS
	corp "$(by_secret)" 'names = [ "www.example.org", "10.1.2.3" ];' "$1"
	expect 1 everleaf renew --force www
	says err "corp: $url/$1: kur: $2"
	is "$leaf" "$(live_leaf www)"
	is_live_of www 1 1
}

test_each_refusal_of_http_is_told_and_leaves_what_is_live() {
	start
	fails 400 'the CA answers 400: not for'
	fails 404 'there is no CMP server: look at url: the CA answers 404'
	fails 409 'the CA answers 409'
	fails 500 'the CA answers 500'
	fails 503 'the CA answers 503'
	says err "parked until"
}

# Nor does it take who has the secret.
test_who_is_shut_out_is_told_for_both_ways_to_ask() {
	start
	corp "$(by_secret)" 'names = [ "www.example.org", "10.1.2.3" ];' 401
	expect 1 everleaf renew --force www
	says err "$url/401: ir: the server shuts us out before it looks at the message: the CA answers 401"
	corp "$(by_secret)" 'names = [ "www.example.org", "10.1.2.3" ];' 403
	expect 1 everleaf renew --force www
	says err "$url/403: ir: the server shuts us out"
	is_live_of www 1 1
}

test_each_refusal_of_cmp_is_told_in_words() {
	start
	fails reject-2 'the CA rejects it: badRequest (it does not permit or support that): not for'
	fails reject-3 'the CA rejects it: badTime (our clock and its own are too far apart)'
	fails reject-19 'the CA rejects it: badCertTemplate (it does not grant these names or this key)'
	fails reject-24 'the CA rejects it: systemUnavail (it cannot do it now)'
	fails reject-26 'the CA rejects it: duplicateCertReq'
}

test_what_is_no_message_is_told_and_leaves_what_is_live() {
	start
	fails html 'it sends no CMP message, or not all of it, but "<html><body>Sign in</body></html>": look at url'
	fails cut 'its CMP message, of '
	fails none 'it sends no CMP message, or not all of it, but "": look at url'
}

test_a_body_without_end_is_given_up() {
	start
	fails endless "$host: its answer is too large (body)"
}

test_an_answer_to_another_is_told() {
	start
	corp "$(by_secret)" 'names = "api.example.org";' replay
	expect 1 everleaf renew --force www
	says err "$url/replay: ir: its answer is of another transaction"
	corp "$(by_secret)" 'names = [ "www.example.org", "10.1.2.3" ];' echo
	expect 1 everleaf renew --force www
	says err "$url/echo: kur: its answer is not to what we have sent"
	is_live_of www 1 1
}

# The CA is told that it is not taken, and confirms nothing.
test_what_is_not_ours_is_never_confirmed() {
	start
	fails another 'the certificate that it sends is not for the key of the request'
	fails other 'the certificate that it sends does not lead to what is trusted: look at trust'
	is 3 "$(asked certConf)"
}

test_only_what_is_asked_for_is_taken_of_what_comes() {
	start
	corp "$(by_secret)" 'names = [ "www.example.org", "10.1.2.3" ];' extra
	expect 0 everleaf renew --force www
	is 1 "$(grep -c BEGIN state/live/www/fullchain.pem)"
	is_whole www
}

run_tests "$@"
