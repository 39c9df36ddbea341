#!/bin/bash
# slow: slowhttptest against the responder, while a real CA looks for tokens there.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../lib_acme.sh"

# A thousand within a second, again and again: they are cut after two. All from one address,
# that no CA has.
slow_clients() { # MODE
	(
		trap 'kill $p; exit' TERM
		while :; do
			slowhttptest "-$1" -c 1000 -r 1000 -l 60 -i 1 -x 8 \
				-u "http://[::1]:$http/.well-known/acme-challenge/x" &
			p=$!
			wait $p || :
		done
	) >"slow.$1" 2>&1 &
	started $!
}

listens() { # PORT
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# As a CA does: code and seconds of each.
visits() { # N
	local i
	for i in $(seq "$1"); do
		curl -s -o body -m 20 -w '%{http_code} %{time_total}\n' \
			"http://127.0.0.1:$http/.well-known/acme-challenge/x" || :
	done
}

all_are_live() { # N
	[ "$(ls "$dir/state/live" 2>/dev/null | wc -l)" = "$1" ]
}

test_slow_clients_do_not_keep_a_ca_out() {
	command -v slowhttptest >/dev/null || skip "slowhttptest is not installed"
	grep -q ' lo$' /proc/net/if_inet6 2>/dev/null || skip "there is no IPv6"
	free_port
	http=$port
	export PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=10
	start_pebble own
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "ca"; type = "acme"; url = "$url"; trust = "$trust"; } );
	defaults = { issuer = "ca"; challenge = $(by_listening "[::]:$http"); };
	certificates = ( $(for i in {1..60}; do
		echo "{ name = \"c$i\"; names = \"c$i.example.org\"; }$([ $i = 60 ] || echo ,)"
	done) );
	C
	start_agent
	until_true 60 listens "$http"
	slow_clients H
	slow_clients B
	visits 100 >seen
	until_true 120 all_are_live 60
	[ "$(grep -c 'Test ended' slow.H)" -gt 1 ]
	stop_agent
	is 60 "$(pebble_asked /order-plz)"
	is 100 "$(grep -c ^404 seen)"
	[ "$(awk '$2 > 1' seen | wc -l)" -le 1 ] || fail "$(sort -k2 -n seen | tail -n 3 | xargs)"
	everleaf history >history
	has_no failed <history
}

run_tests "$@"
