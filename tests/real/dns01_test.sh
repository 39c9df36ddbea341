#!/bin/bash
# dns01: names are shown to be ours by TXT records in zones of BIND and Knot, which are
# changed by RFC 2136 with TSIG and looked for at every name server; Pebble looks for them
# at the primary.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"
. "$(dirname "$0")/../lib_dns.sh"
in_own_network "$@"

txt=_acme-challenge.example.org

# BIND alone, with $records besides its name servers.
one_primary() { # [SETTINGS of rfc2136]
	need_dns
	zone_file example.org 127.0.0.1 <<<"${records-}" | bind_primary 127.0.0.1
	dns_pebble
	way=$(by_dns "${1-}")
}

# BIND or Knot, and a secondary of each.
three_servers() { # [SETTINGS of rfc2136 [bind|knot]]
	need_dns
	zone_file example.org 127.0.0.1 127.0.0.2 127.0.0.3 </dev/null |
		notify="127.0.0.2; 127.0.0.3;" "${2-bind}_primary" 127.0.0.1
	knot_secondary 127.0.0.2
	bind_secondary 127.0.0.3
	dns_pebble
	way=$(by_dns "${1-}")
}

issued() { # NAMES: the names of www, from the first order
	is "$1" "$(names_of www)"
	is_whole www root.pem
	is 1 "$(pebble_asked /order-plz)"
}

# How often the CA was told to look.
n_answered() {
	grep -c /chalZ/ pebble.out || :
}

# -- what is issued --

test_a_wildcard_and_its_apex_come_with_one_order_and_two_updates() {
	one_primary
	acme 'names = [ "example.org", "*.example.org" ];'
	expect 0 everleaf renew
	issued "DNS:*.example.org DNS:example.org "
	is 2 "$(grep -c "adding an RR at '$txt'" dns/127.0.0.1/out)"
	is 2 "$(grep -c "deleting an RR at $txt" dns/127.0.0.1/out)"
	is 2 "$(n_requests)"
	shows_nothing 127.0.0.1 $txt
}

test_knot_takes_the_same() {
	need_dns
	zone_file example.org 127.0.0.1 </dev/null | knot_primary 127.0.0.1
	dns_pebble
	way=$(by_dns)
	acme 'names = [ "example.org", "*.example.org" ];'
	expect 0 everleaf renew
	issued "DNS:*.example.org DNS:example.org "
	shows_nothing 127.0.0.1 $txt
}

test_every_algorithm_signs() {
	local algorithm
	for algorithm in hmac-sha224 hmac-sha384 hmac-sha512; do
		one_primary
		acme 'names = "*.example.org";'
		expect 0 everleaf renew
		is "DNS:*.example.org " "$(names_of www)"
		let_go 127.0.0.1
		rm -rf dns state
	done
}

test_a_key_file_may_be_what_tsig_keygen_writes() {
	one_primary
	printf 'key "acme-key" {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' "$secret" >dns/key
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
}

test_two_certificates_share_a_name() {
	one_primary
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "ca"; type = "acme"; url = "$url"; trust = "$trust"; } );
	defaults = { issuer = "ca"; challenge = $way; };
	certificates = ( { name = "www"; names = [ "example.org", "*.example.org" ]; },
		{ name = "two"; names = "*.example.org"; } );
	C
	expect 0 everleaf renew
	is_live_of www 1 1
	is_live_of two 1 1
	shows_nothing 127.0.0.1 $txt
}

test_records_of_others_stay() {
	records='_acme-challenge TXT "not ours"' one_primary
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	is '"not ours"' "$(answer_of 127.0.0.1 $txt TXT)"
}

# -- where it belongs --

test_aliases_are_followed_to_where_we_may_write() {
	need_dns
	mkdir -p dns/127.0.0.1
	zone_file auth.example.net 127.0.0.1 </dev/null >dns/127.0.0.1/auth
	zone_file example.org 127.0.0.1 >dns/zone <<-Z
	_acme-challenge CNAME www.auth.example.net.
	_acme-challenge.a CNAME _acme-challenge.b
	_acme-challenge.b CNAME b.auth.example.net.
	sub DNAME auth.example.net.
	Z
	recursion=yes more_zones='zone "auth.example.net" { type primary; file "auth";
		update-policy { grant acme-key zonesub TXT; }; };' zone=example.org \
		bind_primary 127.0.0.1 <dns/zone
	dns_pebble
	way=$(by_dns)
	acme 'names = [ "*.example.org", "a.example.org", "c.sub.example.org" ];'
	expect 0 everleaf renew
	issued "DNS:*.example.org DNS:a.example.org DNS:c.sub.example.org "
	for name in www b _acme-challenge.c; do
		grep "adding an RR at '$name.auth.example.net'" dns/127.0.0.1/out
		shows_nothing 127.0.0.1 $name.auth.example.net
	done
	is 2 "$(n_requests)"
}

test_aliases_without_an_end_are_no_place() {
	records='_acme-challenge CNAME _acme-challenge.b
_acme-challenge.b CNAME _acme-challenge' one_primary
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "the name servers of $txt fail (SERVFAIL)"
	is 0 "$(n_requests)"
}

test_a_zone_that_is_named_is_not_looked_for() {
	one_primary 'zone = "example.org";'
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
}

test_a_name_outside_of_the_zone_is_told_before_anything_is_sent() {
	one_primary 'zone = "example.net";'
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "$txt is not in the zone example.net"
	is 0 "$(n_requests)"
}

# -- who shows it --

test_bind_and_knot_pull_it_before_the_ca_is_told() {
	three_servers
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	not grep -q "not waited for" err
	is 1 "$(n_answered)"
	until_true 60 shows_nothing 127.0.0.2 $txt
	until_true 60 shows_nothing 127.0.0.3 $txt
}

# It has the zone, and does not follow the primary.
one_is_late() {
	let_go 127.0.0.3
	zone_file example.org 127.0.0.1 127.0.0.2 127.0.0.3 </dev/null | notify= bind_primary 127.0.0.3
}

test_one_that_is_late_holds_the_order_and_not_the_agent() {
	three_servers
	one_is_late
	acme 'names = "*.example.org";'
	start_agent
	until_true 60 shows 127.0.0.2 $txt TXT .
	until_true 60 came_back
	is 0 "$(n_answered)"
	stop_agent
	start_agent
	add_there "$(answer_of 127.0.0.1 $txt TXT)"
	until_true 90 has_live www 1
	is 1 "$(pebble_asked /order-plz)"
	stop_agent
}

# The worker has let go of it, and another has looked at the order since.
came_back() {
	[ "$(grep -c /my-order/ pebble.out)" -gt 1 ]
}

add_there() { # TXT
	nsupdate <<-U
	server 127.0.0.3
	key hmac-sha256:acme-key $secret
	update add $txt 1 TXT $1
	send
	U
}

test_one_that_is_down_is_not_waited_for_long() {
	three_servers
	let_go 127.0.0.3
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	says err "a name server is not waited for: ns3.example.org"
	shows_nothing 127.0.0.1 $txt
}

test_no_name_server_has_to_be_looked_at() {
	three_servers 'wait = "0s";'
	halt 127.0.0.3
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	go_on 127.0.0.3
}

test_what_is_not_shown_in_time_is_said() {
	three_servers 'wait = "1s";'
	one_is_late
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "after 1s: ns3.example.org at 127.0.0.3: $txt is not there yet"
	is 0 "$(n_answered)"
}

test_secondaries_of_knot_pull_it_before_the_ca_is_told() {
	three_servers "" knot
	acme 'names = [ "example.org", "*.example.org" ];'
	expect 0 everleaf renew
	issued "DNS:*.example.org DNS:example.org "
	not grep -q "not waited for" err
	shows_nothing 127.0.0.1 $txt
	until_true 60 shows_nothing 127.0.0.2 $txt
	until_true 60 shows_nothing 127.0.0.3 $txt
}

test_one_that_is_later_than_knot_is_said_and_the_order_goes_on() {
	three_servers 'wait = "1s";' knot
	one_is_late
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "after 1s: ns3.example.org at 127.0.0.3: $txt is not there yet"
	is 0 "$(n_answered)"
	add_there "$(answer_of 127.0.0.1 $txt TXT)"
	expect 0 everleaf renew www
	issued "DNS:*.example.org "
	shows_nothing 127.0.0.1 $txt
}

test_one_that_is_down_beside_knot_is_not_waited_for_long() {
	three_servers "" knot
	let_go 127.0.0.3
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	says err "a name server is not waited for: ns3.example.org"
	shows_nothing 127.0.0.1 $txt
}

# What another program has put there is looked for in the same way.
by_nsupdate() { # SETTINGS
	{
		cat <<-S
		#!/bin/sh
		case \$1 in
		present) what=add ;;
		cleanup) what=delete ;;
		esac
		/usr/bin/nsupdate <<U
		server 127.0.0.1
		key hmac-sha256:acme-key $secret
		update \$what \$2 1 TXT \$3
		send
		U
		S
	} >hook
	chmod 755 hook
	way="{ type = \"dns-01\"; hook = \"$dir/hook\"; dialect = \"lego\"; ${1-} }"
}

test_what_a_program_has_put_there_is_looked_for_too() {
	three_servers
	by_nsupdate 'wait = "60s";'
	acme 'names = "*.example.org";'
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	shows_nothing 127.0.0.1 $txt
	rm -r state
	one_is_late
	by_nsupdate 'wait = "1s";'
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "after 1s: ns3.example.org at 127.0.0.3: $txt is not there yet"
	is 1 "$(n_answered)"
}

# -- what is refused --

test_a_key_that_is_not_known_is_told() {
	one_primary
	head -c 32 /dev/urandom | base64 >dns/key
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "does not sign its reply with the key acme-key: BADSIG: it has another secret"
	shows_nothing 127.0.0.1 $txt
}

test_a_zone_that_may_not_be_changed_is_told() {
	need_dns
	mkdir -p dns/127.0.0.1
	zone_file example.net 127.0.0.1 </dev/null >dns/127.0.0.1/net
	records='_acme-challenge CNAME www.example.net.' recursion=yes \
		more_zones='zone "example.net" { type primary; file "net"; };' one_primary
	acme 'names = "*.example.org";'
	expect 1 everleaf renew
	says err "127.0.0.1 refuses to change example.net: REFUSED"
}

# -- crashes --

test_what_a_crash_has_left_there_is_taken_out() {
	three_servers
	one_is_late
	acme 'names = "*.example.org";'
	start_agent
	until_true 60 shows 127.0.0.2 $txt TXT .
	kill -KILL $run "$(role agent)" "$(role keeper)"
	until_true 60 no_role_is_left
	shows 127.0.0.1 $txt TXT .
	is 0 "$(n_answered)"
	add_there "$(answer_of 127.0.0.1 $txt TXT)"
	expect 0 everleaf renew
	issued "DNS:*.example.org "
	shows_nothing 127.0.0.1 $txt
}

run_tests "$@"
