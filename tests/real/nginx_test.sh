#!/bin/bash
# nginx: what a real server makes of a renewal.
. "$(dirname "$0")/../lib.sh"

# nginx runs on $port with a placeholder in tls/www.pem, which everleaf is to replace.
nginx_with() { # [SETTINGS of the issuer]
	mkdir tls
	placeholder "$dir/tls/www.pem"
	start_nginx "$dir/tls/www.pem"
	config <<-C
	issuers = ( { name = "lab"; type = "local"; ${1-} } );
	certificates = ( { name = "www"; names = "localhost"; issuer = "lab"; keep = 2;
		files = ( { path = "$dir/tls/www.pem"; content = "combined"; } );
		hooks = "nginx"; probe = "127.0.0.1:$port"; } );
	hooks = ( $(nginx_hook_config) );
	C
}

all_workers_serve() { # SHA-256
	local i
	for i in {1..20}; do
		is "$1" "$(served_leaf "$port")"
	done
}

test_a_hundred_renewals_under_load_lose_no_request() {
	local i
	nginx_with
	expect 0 everleaf renew
	live_leaf www >leaves
	start_load "$port" localhost
	for i in {1..100}; do
		expect 0 everleaf renew --force www
		live_leaf www >>leaves
	done
	stop_load
	is 0 "$(load_said failed)"
	is_live_of www 101 101
	is 101 "$(sort -u leaves | wc -l)"
	sed -n 's/^saw \([0-9a-f]*\) .*/\1/p' load.out >seen
	is "" "$(sort seen | comm -23 - <(sort leaves))"
	is "$(head -n 1 leaves)" "$(head -n 1 seen)"
	is "$(tail -n 1 leaves)" "$(tail -n 1 seen)"
	is 101 "$(wc -l <seen)"
	all_workers_serve "$(tail -n 1 leaves)"
}

test_a_server_that_reads_the_live_folder_takes_each_generation() {
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local"; } );
	C
	expect 0 everleaf renew
	start_nginx "$dir/state/live/www/fullchain.pem" "$dir/state/live/www/privkey.pem"
	is "$(live_leaf www)" "$(served_leaf "$port")"
	config <<-C
	certificates = ( { name = "www"; names = "localhost"; issuer = "local";
		hooks = "nginx"; probe = "127.0.0.1:$port"; } );
	hooks = ( $(nginx_hook_config) );
	C
	expect 0 everleaf renew --force www
	is_live_of www 2 2
	all_workers_serve "$(live_leaf www)"
}

# Most clients are shown the ECDSA one.
test_both_certificates_of_a_server_are_proven() {
	local of
	config <<-C
	certificates = ( { name = "ec"; names = "localhost"; issuer = "local"; },
		{ name = "rsa"; names = "localhost"; issuer = "local"; key = "rsa-2048"; } );
	C
	expect 0 everleaf renew
	start_nginx "$dir/state/live/ec/fullchain.pem" "$dir/state/live/ec/privkey.pem"
	sed -i "s|\(ssl_certificate.*live/\)ec\(/.*\)|&\n\1rsa\2|" nginx.conf
	nginx -s reload -c "$dir/nginx.conf" -p "$dir"
	config <<-C
	defaults = { issuer = "local"; hooks = "nginx"; probe = "127.0.0.1:$port"; };
	certificates = ( { name = "ec"; names = "localhost"; },
		{ name = "rsa"; names = "localhost"; key = "rsa-2048"; } );
	hooks = ( $(nginx_hook_config) );
	C
	expect 0 everleaf renew --force --all
	for of in 0 1; do
		is "2 new" "$(everleaf status --json | json certificates.$of.generation) $(
			everleaf status --json | json certificates.$of.served.0.verdict)"
	done
}

test_a_client_that_trusts_the_root_verifies_the_chain() {
	nginx_with 'intermediate = true;'
	expect 0 everleaf renew
	expect 0 curl -sS --fail --cacert state/ca/lab/root.pem \
		--resolve "localhost:$port:127.0.0.1" "https://localhost:$port/"
	is ok "$(cat out)"
	placeholder other.pem
	expect 60 curl -sS --fail --cacert other.pem \
		--resolve "localhost:$port:127.0.0.1" "https://localhost:$port/"
}

# A placeholder in the place of ours is some other certificate, and not DOWN.
test_a_server_that_served_another_certificate_before_takes_ours() {
	nginx_with
	expect 0 everleaf renew
	is new "$(status_of www served.0.verdict)"
	is "$(live_leaf www)" "$(status_of www served.0.fingerprint)"
	is "$(live_leaf www)" "$(served_leaf "$port")"
}

# A reload that is asked for by signal succeeds also where nginx then keeps everything as
# it was, because its configuration is broken.
test_a_reload_that_nginx_did_not_follow_is_found_by_the_probe() {
	local old
	nginx_with
	hook reload <<-H
	[ "\$1" = test ] || kill -HUP $nginx
	H
	sed -i "s|hooks = \"nginx\"|hooks = \"reload\"|; s|^hooks = ( |&$(hook_config reload), |" everleaf.conf
	expect 0 everleaf renew
	old=$(live_leaf www)
	sed -i 's/worker_processes 2/worker_processes many/' nginx.conf
	expect 1 everleaf renew --force www
	is_live_of www 2 2
	is old "$(status_of www served.0.verdict)"
	is "$old" "$(served_leaf "$port")"
	sed -i 's/worker_processes many/worker_processes 2/' nginx.conf
	expect 0 everleaf renew www
	is_live_of www 2 2
	is new "$(status_of www served.0.verdict)"
	is "$(live_leaf www)" "$(served_leaf "$port")"
}

test_a_broken_nginx_conf_leaves_what_is_served_and_is_made_up_for() {
	local old
	nginx_with
	expect 0 everleaf renew
	old=$(live_leaf www)
	sed -i 's/worker_processes 2/worker_processes many/' nginx.conf
	expect 1 everleaf renew --force www
	says err "its test failed already before"
	status_of www last_error | has 'emerg.*worker_processes'
	is_live_of www 2 2
	is '["nginx"]' "$(status_of www hooks_pending)"
	is "$old" "$(served_leaf "$port")"
	sed -i 's/worker_processes many/worker_processes 2/' nginx.conf
	expect 0 everleaf renew www
	is_live_of www 2 2
	is '[]' "$(status_of www hooks_pending)"
	all_workers_serve "$(live_leaf www)"
}

# Somebody has put an old image of it in place.
test_an_nginx_that_shows_the_old_one_again_is_found_by_the_daemon() {
	local old proved
	nginx_with
	hook reload <<-H
	[ "\$1" = test ] || { cp "$dir/tls/www.pem" "$dir/shown.pem"; nginx -s reload -c "$dir/nginx.conf" -p "$dir"; }
	H
	cp tls/www.pem shown.pem
	sed -i "s|$dir/tls/www.pem|$dir/shown.pem|" nginx.conf
	nginx -s reload -c "$dir/nginx.conf" -p "$dir"
	sed -i "s|hooks = \"nginx\"|probe_every = \"10s\"; hooks = \"reload\"|; s|^hooks = ( |&$(hook_config reload), |" everleaf.conf
	expect 0 everleaf renew
	cp tls/www.pem old.pem
	old=$(live_leaf www)
	expect 0 everleaf renew --force www
	proved=$(events www proved)
	cp old.pem shown.pem
	nginx -s reload -c "$dir/nginx.conf" -p "$dir"
	shows_old() { [ "$(served_leaf "$port")" = "$old" ]; }
	until_true 60 shows_old
	: >reload.ran
	start_agent
	is_proved_again() { [ "$(events www proved)" -gt "$proved" ]; }
	until_true 60 is_proved_again
	all_workers_serve "$(live_leaf www)"
	says agent.err "www: not-served: probe 127.0.0.1:$port: old: "
	is "1 1" "$(ran reload "run installed") $(events www not-served)"
	is new "$(status_of www served.0.verdict)"
	is_live_of www 2 2
	stop_agent
}

run_tests "$@"
