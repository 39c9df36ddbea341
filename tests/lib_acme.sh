# lib_acme: ACME servers for the script suites: Pebble with its DNS, and the scripted one
# of tests/tools/ca. To be sourced after lib.sh.
#
# All of them listen on 127.0.0.1; every name is at 127.0.0.1. What a server is reached by
# stands in $url and $trust, for acme().

www=www # the web server's folder

# -- everleaf --

# A certificate `www` of the issuer `ca`, which is the server that was started last.
acme() { # [SETTINGS of the certificate [SETTINGS of the issuer]]
	local settings=${1-'names = "www.example.org";'}
	config <<-C
	contact = "mailto:ops@example.org"; agree_terms = true;
	issuers = ( { name = "ca"; type = "acme"; url = "$url"; trust = "$trust"; ${2-} } );
	defaults = { issuer = "ca"; challenge = ${way-$(webroot)}; };
	certificates = ( { name = "www"; $settings } );
	C
}

webroot() { # its challenge
	mkdir -p "$dir/$www"
	echo "{ type = \"http-01\"; webroot = \"$dir/$www\"; }"
}

by_listening() { # ADDRESS
	echo "{ type = \"http-01\"; listen = \"$1\"; }"
}

by_tls() { # ADDRESS
	echo "{ type = \"tls-alpn-01\"; listen = \"$1\"; }"
}

names_of() { # NAME: of its live certificate
	openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -ext subjectAltName |
		grep -oE '(DNS|IP Address):[^, ]*' | sort | tr '\n' ' '
}

# Key and certificate of NAME belong together, and the chain leads to ROOT.
is_whole() { # NAME [ROOT]
	local live=$dir/state/live/$1
	is "$(openssl x509 -in "$live/cert.pem" -noout -pubkey)" \
		"$(openssl pkey -in "$live/privkey.pem" -pubout)"
	[ -z "${2-}" ] || openssl verify -CAfile "$2" -untrusted "$live/fullchain.pem" "$live/cert.pem"
}

no_token_is_left() {
	is "" "$(find "$dir/$www" -mindepth 1)"
}

# -- the scripted CA --

ca=ca # its folder: another one is another CA

start_ca() { # its script on stdin; see tests/tools/ca
	mkdir -p "$dir/$ca"
	cat >"$dir/$ca/script"
	says_anew "$dir/$ca/port"
	"$root/tests/tools/ca" "$dir/$ca" 2>"$dir/$ca/err" &
	started $!
	until_true 60 test -s "$dir/$ca/port"
	url=https://localhost:$(cat "$dir/$ca/port")/directory
	trust=$dir/$ca/root.pem
}

script() { # another one, on stdin
	cat >"$dir/$ca/script.new"
	mv "$dir/$ca/script.new" "$dir/$ca/script"
}

asked() { # STEP: how often the CA was
	grep -c "^$1 " "$dir/$ca/log" || :
}

# What the CA noticed of everleaf breaking the RFC.
no_fault() {
	not grep '^fault' "$dir/$ca/log"
}

# -- real ones --

# A root and a TLS certificate for localhost, in $dir/tls.
make_tls() {
	mkdir -p "$dir/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=Test servers" -keyout "$dir/tls/ca.key" -out "$dir/tls/ca.pem"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-addext basicConstraints=critical,CA:FALSE -CA "$dir/tls/ca.pem" \
		-CAkey "$dir/tls/ca.key" -keyout "$dir/tls/key.pem" -out "$dir/tls/cert.pem"
} 2>/dev/null

# A plain web server for $dir/$www, at $http.
start_web() {
	PATH=$PATH:/usr/sbin:/sbin
	command -v nginx >/dev/null || skip "nginx is not installed"
	mkdir -p "$dir/$www" "$dir/web"
	[ -n "${http-}" ] || { free_port && http=$port; }
	cat >"$dir/web.conf" <<-CONF
		$(! is_root || echo "user nobody nogroup;")
		daemon off;
		worker_processes 1;
		pid $dir/web/pid;
		error_log $dir/web/error.log;
		events { worker_connections 512; }
		http {
			access_log $dir/web/access.log;
			client_body_temp_path $dir/web/body;
			proxy_temp_path $dir/web/proxy;
			fastcgi_temp_path $dir/web/fastcgi;
			uwsgi_temp_path $dir/web/uwsgi;
			scgi_temp_path $dir/web/scgi;
			server {
				listen 127.0.0.1:$http;
				root $dir/$www;
			}
		}
	CONF
	nginx -c "$dir/web.conf" -p "$dir" 2>"$dir/web.err" &
	started $!
	until_true 60 test -s "$dir/web/pid"
}

# Where a Pebble is: Debian's own, which is older, or that of a newer suite; and how its
# DNS is told a port.
pebble_at() { # own|new
	case $1 in
	own)
		bin=/usr/bin
		dns_option=-dns01
		[ -x $bin/pebble ] || skip "pebble is not installed"
		;;
	new)
		bin=$root/build/peers/bin
		dns_option=-dnsserver
		"$root/tests/peers" pebble pebble-challtestsrv >/dev/null 2>"$dir/peers.err" ||
			skip "$(tail -n 1 "$dir/peers.err")"
		;;
	esac
}

# By UDP: who asks sooner is refused.
answers_names() { # PORT
	grep -q ": [0-9A-F]*:$(printf %04X "$1") " /proc/net/udp
}

# Its settings, as members of JSON that follow others.
pebble_config() { # [SETTINGS]
	cat <<-JSON
	{ "pebble": {
		"listenAddress": "127.0.0.1:$pebble_port",
		"managementListenAddress": "127.0.0.1:$manage_port",
		"certificate": "$dir/tls/cert.pem", "privateKey": "$dir/tls/key.pem",
		"httpPort": $http, "tlsPort": ${tls_port-1},
		"ocspResponderURL": ""${1:+, $1} } }
	JSON
}

# Pebble (own|new), strict, fast and without refused nonces unless PEBBLE_* say so. It
# looks for tokens at port $http (that of start_web, or a free one).
start_pebble() { # own|new [SETTINGS]
	pebble_at "$1"
	[ -e "$dir/tls/cert.pem" ] || make_tls
	[ -n "${http-}" ] || { free_port && http=$port; }
	free_port
	dns_port=$port
	free_port
	names_port=$port # where its DNS is told what to answer
	"$bin/pebble-challtestsrv" -management "127.0.0.1:$names_port" $dns_option "127.0.0.1:$dns_port" -http01 "" \
		-https01 "" -tlsalpn01 "" -defaultIPv4 "${address4-127.0.0.1}" \
		-defaultIPv6 "${address6-}" >"$dir/dns.out" 2>&1 &
	started $!
	until_true 60 answers_names "$dns_port"
	free_port
	pebble_port=$port
	free_port
	manage_port=$port
	pebble_config "${2-}" >"$dir/pebble.json"
	run_pebble
}

# It, or another in its place, which knows nothing of what was before: process $pebble.
run_pebble() {
	PEBBLE_VA_NOSLEEP=${PEBBLE_VA_NOSLEEP-1} PEBBLE_WFE_NONCEREJECT=${PEBBLE_WFE_NONCEREJECT-0} \
		PEBBLE_AUTHZREUSE=${PEBBLE_AUTHZREUSE-0} \
		"$bin/pebble" -strict -config "$dir/pebble.json" -dnsserver "127.0.0.1:$dns_port" \
		>"$dir/pebble.out" 2>&1 &
	pebble=$!
	started $pebble
	until_true 60 pebble_says /roots/0
	pebble_says /roots/0 >"$dir/root.pem"
	url=https://localhost:$pebble_port/dir
	trust=$dir/tls/ca.pem
}

# One that takes its time to look: three times, each after 0 to 7 seconds, as it draws.
slow_pebble() {
	PEBBLE_VA_NOSLEEP=0 PEBBLE_VA_SLEEPTIME=8 start_pebble own
}

# A run of everleaf as process $run, and a Pebble that stands still while COMMAND is true of what
# it is shown: until pebble_goes_on. If it drew to look at once, all three times, it has seen
# that by then: the case is tried again.
renew_while() { # COMMAND...
	"$BUILD/everleaf" -c "$dir/everleaf.conf" -v renew >out 2>err &
	run=$!
	started $run
	until_true 60 is_so_or_over "$@"
	kill -STOP "$pebble"
	"$@" && ! grep -q 'set VALID' pebble.out || {
		pebble_goes_on
		again "Pebble did not wait until it was true: $*"
	}
}

is_so_or_over() { # COMMAND...
	"$@" || ! kill -0 "$run"
}

pebble_goes_on() {
	kill -CONT "$pebble"
}

pebble_says() { # PATH of its management
	curl -sf --cacert "$dir/tls/ca.pem" "https://localhost:$manage_port$1"
}

# Pebble locks itself up for good if an order is asked for in the very moment in which it
# is completed (its issue 554): once in a thousand orders, where it is polled quickly.
let_down() {
	local manage
	manage=$(sed -n 's/.*"managementListenAddress": "\(.*\)".*/\1/p' "$dir/pebble.json" 2>/dev/null)
	[ -n "$manage" ] || return 1
	curl -sk -m 5 -o /dev/null "https://$manage/cert-status-by-serial/00"
	[ $? = 28 ]
}

# What Pebble thinks of the live certificate of NAME: Valid or Revoked.
at_pebble() { # NAME
	local serial
	serial=$(openssl x509 -in "$dir/state/live/$1/cert.pem" -noout -serial)
	pebble_says "/cert-status-by-serial/${serial#serial=}" | json Status
}

# How often it was asked for PATH.
pebble_asked() { # PATH
	grep -c "$1 ->" "$dir/pebble.out" || :
}

# Caddy and step-ca look for tokens at port 80 and ask the system's resolver, so they get
# a network of their own, where all names are at 127.0.0.1. To be called before any case:
# runs the suite anew in it, its cases one after the other. Needs root.
in_own_network() { # ARGUMENT of the suite...
	export JOBS=1
	[ -z "${OWN_NETWORK-}" ] && is_root || return 0
	OWN_NETWORK=$(mktemp) exec unshare --net --mount sh -c '
		ip link set lo up && echo nameserver 127.0.0.1 >"$OWN_NETWORK" && chmod 644 "$OWN_NETWORK" &&
		mount --bind "$OWN_NETWORK" /etc/resolv.conf && rm "$OWN_NETWORK" && exec "$0" "$@"
		' "$0" "$@"
}

# Names and the web server, where Caddy and step-ca expect them.
start_own_network() {
	[ -n "${OWN_NETWORK-}" ] || skip "needs root, for a network of its own"
	pebble_at own
	"$bin/pebble-challtestsrv" -management 127.0.0.1:8055 -dns01 127.0.0.1:53 -http01 "" \
		-https01 "" -tlsalpn01 "" -defaultIPv6 "" >"$dir/dns.out" 2>&1 &
	started $!
	until_true 60 answers_names 53
	http=80 start_web
}

start_caddy() {
	command -v caddy >/dev/null || skip "caddy is not installed"
	start_own_network
	free_port
	cat >"$dir/Caddyfile" <<-CADDY
	{
		admin off
		storage file_system $dir/caddy
		skip_install_trust
		auto_https disable_redirects
	}
	https://localhost:$port {
		tls internal
		acme_server
	}
	CADDY
	HOME=$dir caddy run --config "$dir/Caddyfile" --adapter caddyfile >"$dir/caddy.out" 2>&1 &
	started $!
	trust=$dir/root.pem
	url=https://localhost:$port/acme/local/directory
	until_true 60 curl -sf --cacert "$dir/caddy/pki/authorities/local/root.crt" "$url"
	cat "$dir/caddy/pki/authorities/local/root.crt" >"$trust"
}

start_step_ca() {
	local program=$root/build/peers/bin/step-ca step=$dir/step
	[ -x "$program" ] || skip "there is no step-ca: make peers builds one"
	start_own_network
	mkdir -p "$step/db"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=Step root" -keyout "$step/root.key" -out "$step/root.pem"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
		-subj "/CN=Step intermediate" -addext keyUsage=critical,keyCertSign \
		-CA "$step/root.pem" -CAkey "$step/root.key" -keyout "$step/inter.key" \
		-out "$step/inter.pem"
	cat >"$step/ca.json" <<-JSON
	{ "root": "$step/root.pem", "crt": "$step/inter.pem", "key": "$step/inter.key",
	  "address": "127.0.0.1:9443", "dnsNames": [ "localhost" ],
	  "db": { "type": "bbolt", "dataSource": "$step/db/step.db" },
	  "authority": { "provisioners": [ { "type": "ACME", "name": "acme" } ] } }
	JSON
	HOME=$dir STEPPATH=$step "$program" "$step/ca.json" >"$step/out" 2>&1 &
	started $!
	trust=$step/root.pem
	url=https://localhost:9443/acme/acme/directory
	until_true 60 curl -sf --cacert "$trust" "$url"
}
