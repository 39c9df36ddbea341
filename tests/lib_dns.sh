# lib_dns: name servers for the script suites: BIND and Knot, as primary and as secondaries.
# To be sourced after lib_acme.sh.
#
# They stand in a network of their own (in_own_network), at port 53: the primary at
# 127.0.0.1, secondaries at 127.0.0.2 and 127.0.0.3. The zone is example.org.

PATH=$PATH:/usr/sbin:/sbin
secret=7lUewS12rGWHUvTqEAx0tzIMTkwMNoSWi2GRZxsbS7Q=
algorithm=hmac-sha256

need_dns() {
	[ -n "${OWN_NETWORK-}" ] || skip "needs root, for a network of its own"
	command -v named dig >/dev/null || skip "bind9 is not installed"
	command -v knotd >/dev/null || skip "knot is not installed"
	# BIND listens at addresses that an interface has.
	ip address replace 127.0.0.3/8 dev lo
	mkdir -p "$dir/dns"
	printf '%s\n' "$secret" >"$dir/dns/key"
	chmod 600 "$dir/dns/key"
}

# The zone as it begins: its name servers, and what is given on stdin.
zone_file() { # ZONE ADDRESS...
	local zone=$1 n=0
	shift
	echo "\$ORIGIN $zone."
	echo '$TTL 1'
	echo "@ SOA ns1 root 1 60 60 3600 1"
	for address; do
		echo "@ NS ns$((++n))"
		echo "ns$n A $address"
	done
	cat
}

# -- BIND --

bind_start() { # ADDRESS, its zones on stdin
	local at=$dir/dns/$1
	mkdir -p "$at"
	{ cat <<-CONF && cat; } >"$at/named.conf"
	key "acme-key" { algorithm $algorithm; secret "$secret"; };
	options {
		directory "$at"; pid-file "$at/pid"; session-keyfile "$at/session.key";
		listen-on { $1; }; listen-on-v6 { none; };
		recursion ${recursion-no}; dnssec-validation no; notify-delay 0; max-refresh-time 3600;
		query-source address $1; transfer-source $1; notify-source $1;
		allow-transfer { any; }; allow-notify { any; };
	};
	controls { };
	CONF
	says_anew "$at/out"
	named -g -c "$at/named.conf" -n 1 2>"$at/out" &
	echo $! >"$at/number"
	started $!
	until_true 60 grep -q 'running$' "$at/out"
}

bind_primary() { # ADDRESS: its zone file on stdin; notifies $notify
	mkdir -p "$dir/dns/$1"
	cat >"$dir/dns/$1/zone"
	bind_start "$1" <<-CONF
	zone "${zone-example.org}" {
		type primary; file "zone"; notify explicit; also-notify { ${notify-} };
		update-policy { grant acme-key subdomain ${zone-example.org}. TXT; };
	};
	${more_zones-}
	CONF
}

bind_secondary() { # ADDRESS [of its primary]
	bind_start "$1" <<-CONF
	zone "example.org" { type secondary; file "zone"; primaries { ${2-127.0.0.1}; }; };
	CONF
	until_true 60 shows "$1" example.org SOA .
}

# -- Knot --

knot_start() { # ADDRESS, the rest of its configuration on stdin
	local at=$dir/dns/$1
	mkdir -p "$at"
	cat >"$at/knot.conf"
	knotd -c "$at/knot.conf" >"$at/out" 2>&1 &
	echo $! >"$at/number"
	started $!
}

knot_config() { # ADDRESS
	cat <<-CONF
	server:
	    rundir: "$dir/dns/$1"
	    listen: $1@53
	database:
	    storage: "$dir/dns/$1"
	log:
	  - target: stdout
	    any: info
	key:
	  - id: acme-key
	    algorithm: $algorithm
	    secret: $secret
	CONF
}

knot_primary() { # ADDRESS: its zone file on stdin; tells the secondaries if $notify is set
	mkdir -p "$dir/dns/$1"
	cat >"$dir/dns/$1/zone"
	{
		knot_config "$1"
		cat <<-CONF
		remote:
		  - id: second
		    address: 127.0.0.2
		  - id: third
		    address: 127.0.0.3
		acl:
		  - id: update
		    key: acme-key
		    action: update
		    update-type: [TXT]
		  - id: transfer
		    address: 127.0.0.0/8
		    action: transfer
		zone:
		  - domain: example.org
		    storage: "$dir/dns/$1"
		    file: zone
		    acl: [update, transfer]
		    ${notify:+notify: [second, third]}
		    zonefile-sync: -1
		    journal-content: changes
		CONF
	} | knot_start "$1"
	until_true 60 shows "$1" example.org SOA .
}

knot_secondary() { # ADDRESS
	{
		knot_config "$1"
		cat <<-CONF
		remote:
		  - id: primary
		    address: 127.0.0.1
		acl:
		  - id: notify
		    address: 127.0.0.0/8
		    action: notify
		zone:
		  - domain: example.org
		    storage: "$dir/dns/$1"
		    master: primary
		    acl: notify
		    zonefile-sync: -1
		    journal-content: all
		CONF
	} | knot_start "$1"
	until_true 60 shows "$1" example.org SOA .
}

# -- what they show --

answer_of() { # ADDRESS NAME TYPE
	dig +short +tcp +tries=1 +time=2 "@$1" "$2" "$3"
}

shows() { # ADDRESS NAME TYPE PATTERN
	answer_of "$1" "$2" "$3" | grep -q "$4"
}

shows_nothing() { # ADDRESS NAME
	local out
	out=$(answer_of "$1" "$2" TXT) && [ -z "$out" ]
}

halt() { # ADDRESS: its server is there and does nothing
	kill -STOP "$(cat "$dir/dns/$1/number")"
}

go_on() { # ADDRESS
	kill -CONT "$(cat "$dir/dns/$1/number")"
}

let_go() { # ADDRESS: it ends
	end "$(cat "$dir/dns/$1/number")"
}

# -- everleaf --

by_dns() { # [SETTINGS of rfc2136]
	echo "{ type = \"dns-01\"; rfc2136 = { server = \"127.0.0.1\"; key_name = \"acme-key\";
		key_algorithm = \"$algorithm\"; key_file = \"$dir/dns/key\"; ${1-} }; }"
}

# Pebble, which asks the primary.
dns_pebble() { # [SETTINGS [own|new]]
	pebble_at "${2-new}"
	make_tls
	dns_port=53
	free_port && http=$port
	free_port && pebble_port=$port
	free_port && manage_port=$port
	pebble_config "${1-}" >"$dir/pebble.json"
	run_pebble
}

n_requests() { # updates that the primary, BIND, took: each came with a connection of its own
	grep -o '#[0-9]*/key acme-key: updating' "$dir/dns/127.0.0.1/out" | sort -u | wc -l
}
