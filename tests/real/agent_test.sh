#!/bin/bash
# agent: the daemon at a real CA, disturbed while it works: what was ordered is ordered
# once, and what a CA looks for is there.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

many() { # N SECONDS: certificates c1 to cN, each validated within so long
	local i
	free_port
	http=$port
	export PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=$2
	start_pebble own
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "ca"; type = "acme"; url = "$url"; trust = "$trust"; } );
	defaults = { issuer = "ca"; challenge = $(by_listening "127.0.0.1:$http"); };
	certificates = ( $(for i in $(seq "$1"); do
		echo "{ name = \"c$i\"; names = \"c$i.example.org\"; }$([ "$i" = "$1" ] || echo ,)"
	done) );
	C
}

n_live() {
	ls "$dir/state/live" 2>/dev/null | wc -l
}

n_are_live() { # N
	[ "$(n_live)" -ge "$1" ]
}

# Each has one generation, and nothing has failed.
all_are_well() { # N
	local i
	for i in $(seq "$1"); do
		is_whole "c$i" >/dev/null
		is 1 "$(live "c$i")"
	done
	everleaf history >history
	is "$1" "$(grep -c issued history)"
}

test_a_storm_of_reloads_costs_no_order_and_no_validation() {
	local i
	many 100 3
	start_agent
	until_true 60 test -e run/agent.sock
	for i in {1..1200}; do
		[ "$i" -lt 300 ] || ! said "taken up" 2 || break
		kill -HUP $run
		sleep 0.05
	done
	for i in {1..100}; do
		until_true 60 n_are_live $i
	done
	said "taken up" 2
	stop_agent
	is 100 "$(pebble_asked /order-plz)"
	all_are_well 100
	has_no failed <history
}

test_roles_that_die_in_the_middle_of_orders_cost_none() {
	local r i
	many 40 5
	start_agent
	until_true 60 has_role responder
	for r in worker responder worker agent worker keeper; do
		until_true 60 has_role $r
		kill -9 "$(role $r)" || : # it may have gone by itself
		sleep 0.3
	done
	# A worker that dies fails what it did, which is done again after some minutes:
	# here by name.
	for i in {1..37}; do
		until_true 60 n_are_live $i
	done
	stop_agent
	expect 0 everleaf renew $(seq -f c%.0f 40)
	# Ordered twice is only what was asked for and not known of yet when agent or keeper
	# died, of eight workers each, and what failed: a worker that dies fails its order, a
	# responder those validations that it had accepted.
	everleaf history >history
	[ "$(pebble_asked /order-plz)" -le $((40 + 8 + 8 + $(grep -c failed history || :))) ] ||
		fail "$(pebble_asked /order-plz) orders: $(grep failed history)"
	all_are_well 40
}

run_tests "$@"
