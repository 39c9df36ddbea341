#!/bin/bash
# online: check --online tells what a CA will find, before it is asked: whether its directory
# answers, addresses, and CAA records (RFC 8659, RFC 8657), which BIND has. Before each order
# these are looked at again.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"
. "$(dirname "$0")/../lib_dns.sh"
in_own_network "$@"

# BIND, with the records on stdin in example.org, and all above it.
a_zone() {
	need_dns
	mkdir -p dns/127.0.0.1
	zone_file org 127.0.0.1 </dev/null >dns/127.0.0.1/org
	zone_file example.org 127.0.0.1 |
		more_zones='zone "org" { type primary; file "org"; };' bind_primary 127.0.0.1
	dns_pebble '"caaIdentities": [ "ca.example", "ca.example.net" ]'
}

found() { # TEXT: and nothing else of the names
	is "ca: $url: answers; no account there yet
$1" "$(tail -n +2 out)"
}

well() { # N
	found "$1 looked up: nothing in the way"
}

test_what_has_an_address_and_no_CAA_is_well() {
	a_zone <<<'www A 192.0.2.1'
	acme
	expect 0 everleaf check --online
	well "1 name"
	[ ! -e state ]
}

test_what_has_no_address_is_told_for_http_only() {
	a_zone <<<'www TXT x'
	acme
	expect 1 everleaf check --online
	found "ca: www.example.org: no address: a CA cannot come to it for http-01"
	way=$(by_dns) acme 'names = [ "www.example.org", "*.www.example.org" ];'
	expect 0 everleaf check --online
	well "2 names"
}

test_CAA_of_a_name_above_is_found() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "other.example"
	a.b.www A 192.0.2.1
	ours AAAA 2001:db8::1
	ours CAA 0 issue "ca.example.net"
	ZONE
	acme 'names = [ "a.b.www.example.org", "ours.example.org" ];'
	expect 1 everleaf check --online
	found "ca: a.b.www.example.org: CAA of example.org does not let ca.example issue: issue \"other.example\"; a record that does has to be added there"
}

test_CAA_of_what_an_alias_stands_for_counts() {
	a_zone <<-'ZONE'
	www CNAME target
	target A 192.0.2.1
	target CAA 0 issue ";"
	ZONE
	acme
	expect 1 everleaf check --online
	found "ca: www.example.org: CAA of www.example.org does not let ca.example issue: issue \";\"; a record that does has to be added there"
}

test_wildcards_have_a_word_of_their_own() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "ca.example"
	@ CAA 0 issuewild ";"
	ZONE
	way=$(by_dns) acme 'names = [ "example.org", "*.example.org" ];'
	expect 1 everleaf check --online
	found "ca: *.example.org: CAA of example.org does not let ca.example issue: issuewild \";\"; a record that does has to be added there"
}

test_the_kind_of_validation_counts() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "ca.example; validationmethods=dns-01"
	www A 192.0.2.1
	ZONE
	acme
	expect 1 everleaf check --online
	found "ca: www.example.org: CAA of example.org does not let ca.example issue: issue \"ca.example; validationmethods=dns-01\"; a record that does has to be added there"
	way=$(by_dns) acme
	expect 0 everleaf check --online
	well "1 name"
}

# An account that is not the one of the record is found before the next renewal finds it.
test_an_account_of_ours_that_CAA_leaves_out_is_told() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1"
	www A 192.0.2.1
	ZONE
	acme
	expect 0 everleaf check --online
	well "1 name"
	expect 0 everleaf account ca register
	expect 1 everleaf check --online
	is "ca: $url: answers; there is an account
ca: www.example.org: CAA of example.org does not let ca.example issue: issue \"ca.example; accounturi=https://ca.example/acct/1\"; a record that does has to be added there" \
		"$(tail -n +2 out)"
}

test_name_servers_that_fail_are_told() {
	a_zone <<<'www A 192.0.2.1'
	acme 'names = "www.example.net";'
	expect 1 everleaf check --online
	found "ca: www.example.net: the name servers of www.example.net fail (REFUSED)"
	let_go 127.0.0.1
	expect 1 everleaf check --online
	says out "ca: names cannot be looked up: 127.0.0.1:53: Connection refused"
}

sixty() { # PREFIX: names of one certificate
	printf 'names = [ "%s.example.org"' "$1"
	seq -f ", \"$1%g.example.org\"" 59 | tr -d '\n'
	printf ' ];'
}

# With 20,000 certificates each would be waited for; that their challenge is of the defaults
# does not make each of them a question of its own.
test_resolvers_that_do_not_answer_are_told_once() {
	a_zone <<<'* A 192.0.2.1'
	acme "$(sixty a) }, { name = \"two\"; $(sixty b)"
	expect 0 everleaf check --online
	well "120 names"
	let_go 127.0.0.1
	expect 1 everleaf check --online
	is 1 "$(grep -c 'names cannot be looked up: 127.0.0.1:53: Connection refused' out)"
	is "ca: not looked up either: 20 more names" "$(tail -n 1 out)"
}

test_a_CA_that_does_not_answer_is_told() {
	a_zone <<<'www A 192.0.2.1'
	free_port
	url=https://localhost:$port/dir acme
	expect 1 everleaf check --online
	says out "ca: no answer: directory https://localhost:$port/dir: "
	says out "it cannot be connected to"
}

# -- the same before each order --

test_what_CAA_forbids_is_not_ordered() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "ca.example"
	@ CAA 0 issuewild "other.example"
	ZONE
	way=$(by_dns) acme 'names = [ "example.org", "*.example.org" ];'
	expect 1 everleaf renew
	says err "not ordered: *.example.org: CAA of example.org does not let ca.example issue: issuewild \"other.example\"; a record that does has to be added there"
	is 0 "$(pebble_asked /order-plz)"
	is 0 "$(n_requests)"
	[ ! -e state/live/www ]
}

test_what_CAA_lets_issue_is_ordered() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "other.example"
	@ CAA 0 issue "ca.example; validationmethods=dns-01"
	@ CAA 128 issuewild "ca.example.net"
	ZONE
	way=$(by_dns) acme 'names = [ "example.org", "*.example.org", "a.b.example.org" ];'
	expect 0 everleaf renew
	is_live_of www 1 1
}

# One that forbids the first kind of validation leaves the others.
test_a_challenge_that_CAA_allows_is_enough() {
	a_zone <<-'ZONE'
	@ CAA 0 issue "ca.example; validationmethods=dns-01"
	www A 127.0.0.1
	ZONE
	way="( $(webroot), $(by_dns) )" acme
	expect 0 everleaf renew # nobody serves the webroot: what follows is by DNS
	is 2 "$(pebble_asked /order-plz)"
	way=$(webroot) acme 'names = "other.example.org";'
	expect 1 everleaf renew
	says err "not ordered: other.example.org: CAA of example.org"
}

# What is not known here is for the CA to say.
test_what_cannot_be_looked_up_is_ordered() {
	a_zone </dev/null
	start_ca <<-'S'
	directory * set meta.caaIdentities [ "ca.example" ]
	S
	acme 'names = "www.example.net";'
	expect 0 everleaf renew
	says err "www.example.net: the name servers of www.example.net fail (REFUSED)"
	let_go 127.0.0.1
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	no_fault
}

# RFC 8659 3: a CA that finds the same does not issue, and says so itself.
test_name_servers_that_fail_are_told_before_an_order() {
	a_zone <<-'ZONE'
	www CNAME b
	b CNAME www
	ZONE
	start_ca <<-'S'
	directory * set meta.caaIdentities [ "ca.example" ]
	S
	acme
	expect 0 everleaf renew
	says err "www.example.org: the name servers of www.example.org fail (SERVFAIL)"
	is_live_of www 1 1
	no_fault
}

# -- tokens, before the CA looks --

# The resolver of this host says that www.example.org is there; the CA, which asks another,
# finds the web server at 127.0.0.1.
is_at() { # ADDRESS...
	need_dns
	printf 'www %s\n' "$@" | zone_file example.org 127.0.0.1 | bind_primary 127.0.0.1
	http=80
	start_web
	start_pebble new
	way="{ type = \"http-01\"; webroot = \"$dir/$www\"; self_test = true; }"
}

test_a_token_that_is_seen_is_nothing_to_tell() {
	is_at "A 127.0.0.1"
	acme
	expect 0 everleaf renew
	is_live_of www 1 1
	not grep "is not seen" err
	is 1 "$(grep -c "GET /.well-known/acme-challenge/.*everleaf/" web/access.log)"
	no_token_is_left
}

test_an_address_where_a_token_is_not_seen_is_told_until_it_has_worked() {
	is_at "A 127.0.0.1" "A 127.0.0.9" "AAAA ::1"
	acme
	expect 0 everleaf renew
	is_live_of www 1 1
	is 2 "$(grep -c "is not seen" err)"
	says err "www.example.org: its token for http-01 is not seen at 127.0.0.9: "
	says err "www.example.org: its token for http-01 is not seen at ::1: "
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	not grep "is not seen" err
}

test_another_server_in_its_place_is_told() {
	is_at "A 127.0.0.3"
	mkdir elsewhere
	python3 -m http.server -b 127.0.0.3 -d elsewhere 80 >elsewhere.out 2>&1 &
	started $!
	until_true 60 curl -s http://127.0.0.3/
	acme
	expect 0 everleaf renew
	says err "is not seen at 127.0.0.3: status 404 instead of the token; the CA is asked all the same"
}

# A server that sends whoever comes elsewhere; below /well/ it has what the web server has.
redirects() { # ADDRESS LOCATION: "%s" is the path
	cat >redirects.py <<-'P'
	import http.server, os, sys
	class Handler(http.server.SimpleHTTPRequestHandler):
	    def do_GET(self):
	        if self.path.startswith("/well/"):
	            self.path = self.path[5:]
	            return super().do_GET()
	        if self.path.startswith("/bad/"):
	            return self.send_error(404)
	        self.send_response(302)
	        self.send_header("Location", sys.argv[2].replace("%s", self.path))
	        self.send_header("Content-Length", "0")
	        self.end_headers()
	http.server.ThreadingHTTPServer((sys.argv[1], 80), Handler).serve_forever()
	P
	(cd "$www" && exec python3 "$dir/redirects.py" "$1" "$2") >redirects.out 2>&1 &
	started $!
	until_true 60 curl -s -o /dev/null "http://$1/"
}

# www.example.org is at an address that redirects; the CA comes to the web server.
redirected() { # LOCATION
	is_at "A 127.0.0.3" "AAAA 2001:db8::1"
	redirects 127.0.0.3 "$1"
	acme
	expect 0 everleaf renew
	is_live_of www 1 1
}

test_a_redirect_to_the_token_is_followed_to_it() {
	redirected "/well%s"
	not grep "is not seen at 127" err
	is 1 "$(grep -c 'GET /well/.* 200' redirects.out)"
}

test_a_redirect_to_something_else_is_told() {
	redirected "http://www.example.org/bad%s"
	says err "is not seen at 127.0.0.3: redirected to http://www.example.org/bad/.well-known/"
	says err "status 404 instead of the token"
}

test_redirects_without_an_end_are_told() {
	redirected "//www.example.org:80%s"
	says err "is not seen at 127.0.0.3: more than 10 redirects"
	is 11 "$(grep -c 'GET /.well-known' redirects.out)"
}

test_a_redirect_to_where_nobody_listens_is_told() {
	redirected "https://www.example.org%s"
	says err "is not seen at 127.0.0.3: redirected there: https://www.example.org: "
}

test_a_redirect_to_who_cannot_be_verified_is_taken_for_good() {
	is_at "A 127.0.0.3"
	openssl s_server -quiet -accept 127.0.0.3:443 -www -cert tls/cert.pem -key tls/key.pem >s_server.out 2>&1 &
	started $!
	until_true 60 curl -sk -o /dev/null https://127.0.0.3/
	redirects 127.0.0.3 "https://www.example.org%s"
	acme
	expect 0 everleaf renew
	not grep "is not seen" err
	grep -q 'GET /.well-known' redirects.out
}

test_nobody_sends_it_to_another_name_in_the_local_network() {
	redirected "http://ns1.example.org/bad%s"
	not grep "is not seen at 127" err
	is 0 "$(grep -c 'GET /bad/' web/access.log redirects.out | cut -d: -f2 | sort -u)"
}

test_no_address_at_all_is_told() {
	is_at "TXT x"
	acme
	expect 0 everleaf renew
	says err "www.example.org: it has no address: a CA cannot come to it for http-01"
}

test_a_CA_of_ones_own_is_asked_without_a_look() {
	is_at "A 127.0.0.9"
	way=$(webroot)
	acme
	expect 0 everleaf renew
	is_live_of www 1 1
	not grep "is not seen" err
}

run_tests "$@"
