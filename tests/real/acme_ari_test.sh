#!/bin/bash
# acme_ari: renewal information (RFC 9773) of a Pebble that has it, and one that has not.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# The window of the live certificate of `www`, in seconds from now; and why.
suggest() { # START END URL
	python3 - "$dir/state/live/www/cert.pem" "$@" <<-'P' |
	import json, sys, time
	def at(span):
	    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + int(span)))
	cert, start, end, url = sys.argv[1:]
	print(json.dumps({"certificate": open(cert).read(), "ariResponse": json.dumps({
	    "suggestedWindow": {"start": at(start), "end": at(end)}, "explanationURL": url})}))
	P
		curl -sf --cacert "$dir/tls/ca.pem" -d @- \
			"https://localhost:$manage_port/set-renewal-info/"
}

# Hours later.
later() {
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE ari SET ask_at = 1, sum = NULL")
db.commit()' "$dir/state/agent/state.db"
	touch -d '-2 hours' "$dir"/state/archive/www/*/cert.pem
}

test_pebble_says_when_and_is_told_what_is_replaced() {
	start_web
	start_pebble new
	acme
	expect 0 everleaf renew
	is ari "$(everleaf plan --json | json plan.0.why)"
	suggest -7200 -3600 https://ca.example/incident
	later
	expect 0 everleaf renew
	says err https://ca.example/incident
	is_live_of www 2 2
	grep -q "is a replacement of" pebble.out
	# Its successor has a window of its own, and nothing is due.
	expect 0 everleaf renew
	is_live_of www 2 2
	is 2 "$(pebble_asked /order-plz)"
}

test_a_pebble_without_renewal_information_is_not_told() {
	start_web
	start_pebble own
	! curl -sf --cacert "$trust" "$url" | grep -q renewalInfo || skip "this system's Pebble has it"
	acme
	expect 0 everleaf renew
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	is expiring "$(everleaf plan --json | json plan.0.why)"
}

run_tests "$@"
