#!/bin/bash
# demo: the whole life of one certificate, with a real nginx and the embedded CA
# (lib_demo.sh). `make demo` builds first.
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib_demo.sh"

what_nginx_serves() {
	local said
	said=$(openssl s_client -connect "localhost:$port" </dev/null 2>/dev/null)
	openssl x509 -noout -issuer -enddate -ext subjectAltName 2>/dev/null <<<"$said"
}

show_served() {
	as="openssl s_client -connect localhost:$port | openssl x509 -noout -issuer -enddate -ext subjectAltName"
	shown what_nginx_serves
	as=
}

bold "everleaf: the life of a certificate"
echo "   $("$BUILD/everleaf" version | head -n 1), as $(id -un 2>/dev/null || id -u), everything below $dir"

# ------------------------------------------------------------------------------------
step "nginx runs with a placeholder, as on a new machine"
mkdir "$dir/tls"
placeholder "$dir/tls/www.pem"
start_nginx "$dir/tls/www.pem"
old=$(served_leaf "$port")
show_served

# ------------------------------------------------------------------------------------
step "The configuration"
hook reload <<HOOK
nginx="nginx -c $dir/nginx.conf -p $dir"
case \$1 in
run) exec \$nginx -s reload -q ;;
test) \$nginx -t -q || exit 1 ;;
esac
# Later in this demo: refuse, on purpose, every certificate but the one that is known.
[ -e "$dir/known" ] || exit 0
serial=\$(openssl x509 -in "$dir/tls/www.pem" -noout -serial)
[ "\$serial" = "\$(cat "$dir/known")" ] && exit 0
echo "this certificate is not welcome: \$serial" >&2
exit 1
HOOK
config <<CONF
certificates = ( {
  name = "www"; names = [ "localhost" ]; issuer = "local";
  files = ( { path = "$dir/tls/www.pem"; content = "combined"; } );
  hooks = "reload"; probe = "127.0.0.1:$port";
} );
hooks = ( $(hook_config reload) );
CONF
sed -n '/^certificates/,/^} );/s/^/     /p' "$dir/everleaf.conf"
shown everleaf check
show 0 everleaf plan
[ ! -e "$dir/state/live" ]
good "a plan changes nothing"

# ------------------------------------------------------------------------------------
step "Issue: key, certificate, files, reload, and the proof that it is served"
shown everleaf renew
is_live_of www 1 1
is "$(live_leaf www)" "$(served_leaf "$port")"
show_served
curl -sS --fail --cacert "$dir/state/ca/local/root.pem" "https://localhost:$port/" \
	--resolve "localhost:$port:127.0.0.1" | has "^ok$"
good "nginx serves generation 1, and curl trusts it by $dir/state/ca/local/root.pem"

step "Nothing is due: silence"
shown everleaf renew
[ ! -s "$dir/out" ]
good "no output, exit status 0, no second issue"

# ------------------------------------------------------------------------------------
step "Renew under load: four clients of a second process go on asking"
start_load "$port" localhost
old=$(served_leaf "$port")
shown everleaf renew --force www
is_live_of www 2 2
sleep 0.5
stop_load
is 0 "$(load_said failed)"
is "$old $(live_leaf www)" "$(sed -n 's/^saw \([0-9a-f]*\) .*/\1/p' "$dir/load.out" | tr '\n' ' ' | sed 's/ $//')"
good "$(load_said requests) requests, 0 failed; each saw generation 1 or generation 2"

# ------------------------------------------------------------------------------------
step "A certificate that its service refuses: rolled back, and held"
echo "   (from now on the test of the hook refuses every certificate but generation 2)"
openssl x509 -in "$dir/tls/www.pem" -noout -serial >"$dir/known"
show 1 everleaf renew --force www
is_live_of www 2 3
is 3 "$(status_of www held)"
nginx_serves "$dir/state/archive/www/0000000002/cert.pem"
good "nginx serves generation 2 as before; generation 3 is held"
shown everleaf status
shown everleaf plan

step "What was in its way is gone: the held one is taken up, not ordered again"
rm "$dir/known"
shown everleaf renew www
is_live_of www 3 3
is null "$(status_of www held)"
nginx_serves "$dir/state/live/www/cert.pem"
good "nginx serves generation 3; still 3 certificates were issued in all"

# ------------------------------------------------------------------------------------
step "nginx.conf is broken before a renewal: pending, not rolled back"
sed -i 's/worker_processes 2/worker_processes many/' "$dir/nginx.conf"
old=$(served_leaf "$port")
show 1 everleaf renew --force www
is_live_of www 4 4
is '["reload"]' "$(status_of www hooks_pending)"
is "$old" "$(served_leaf "$port")"
good "nginx goes on serving generation 3, untouched; generation 4 waits on the disk"
shown everleaf status

step "nginx.conf is repaired: what was pending is made up for, without another issue"
sed -i 's/worker_processes many/worker_processes 2/' "$dir/nginx.conf"
shown everleaf renew www
is_live_of www 4 4
is '[]' "$(status_of www hooks_pending)"
nginx_serves "$dir/state/live/www/cert.pem"
good "nginx serves generation 4; still 4 certificates were issued in all"

# ------------------------------------------------------------------------------------
step "Back by hand, should it ever be needed"
shown everleaf rollback www
is_live_of www 3 4
nginx_serves "$dir/state/archive/www/0000000003/cert.pem"
good "nginx serves generation 3 until the next renewal moment"

step "What is, and what was"
shown everleaf status
shown everleaf plan
shown everleaf history www

printf '\n'
bold "Everything that was claimed was checked, in $((SECONDS - begin)) s."
