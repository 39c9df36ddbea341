#!/bin/bash
# package: the Debian package as make deb builds it, given to lintian, and to dpkg on a
# machine of its own: all that is installed here, below a layer that is thrown away.
. "$(dirname "$0")/../lib.sh"

# -- the machine --

# What a script finds there: itself in /case, the package in $deb, and nothing of everleaf.
# Its systemctl only notes what it was asked for.
prepare() {
	cat <<'S'
deb=/case/everleaf.deb
rm -rf /etc/everleaf /var/lib/everleaf /etc/systemd/system/*/everleaf* /run/systemd \
	/usr/sbin/policy-rc.d
sed -i /^everleaf/d /etc/passwd /etc/group /etc/shadow /etc/gshadow
mkdir -p /run/systemd/system
rm -f /usr/bin/systemctl
printf '#!/bin/sh\necho "$*" >>/systemctl\n' >/usr/bin/systemctl
chmod 755 /usr/bin/systemctl
touch /systemctl
echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe
trap '[ -s /case/why ] || echo "$BASH_COMMAND" >/case/why' ERR
fail() { echo "$*" >/case/why; exit 1; }
is() { [ "$1" = "$2" ] || fail "line ${BASH_LINENO[0]}: found \"$2\", expected \"$1\""; }
there() { local f; for f in "$@"; do [ -e "$f" ] || fail "$f is gone"; done; }
gone() { local f; for f in "$@"; do [ ! -e "$f" ] || fail "$f is there"; done; }
asked() { grep -cE -- "$1" /systemctl || :; }
key=/var/lib/everleaf/live/localhost/privkey.pem
issue() { # the example's certificate, from a CA of its own
	cp /etc/everleaf/everleaf.conf.example /etc/everleaf/everleaf.conf
	everleaf renew
	there $key
}
S
}

# Run the script on stdin there, as root.
on_a_machine() {
	is_root || skip "only root installs packages"
	[ -z "$unbuilt" ] || fail "make deb: $unbuilt"
	{
		prepare
		cat
	} >script
	cp "$built" everleaf.deb
	mkdir layer
	unshare --mount --propagation private --pid --fork --kill-child -- sh -c '
		mount -t tmpfs layer "$1/layer" && cd "$1/layer" && mkdir up work root &&
		mount -t overlay -o lowerdir=/,upperdir=up,workdir=work overlay root || exit 77
		cd root && mount -t proc proc proc && mount --rbind /dev dev &&
		mount -t tmpfs run run && mkdir case && mount --bind "$1" case &&
		exec chroot . env -i HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin bash -eEu -o pipefail /case/script' \
		machine "$dir" </dev/null || {
		[ $? != 77 ] || skip "file systems cannot be laid over each other here"
		fail "status $?"
	}
}

# -- what there is --

test_lintian_has_nothing_to_say() {
	[ -z "$unbuilt" ] || fail "make deb: $unbuilt"
	command -v lintian >/dev/null || skip "lintian is not installed"
	LC_ALL=C.UTF-8 lintian --allow-root --display-level '>=warning' "$root"/build/deb/*.changes >said 2>&1 || :
	is "" "$(cat said)"
}

test_it_has_the_version_of_the_program() {
	on_a_machine <<-'S'
	dpkg -i $deb
	is "everleaf $(dpkg-query -W -f '${Version}' everleaf)" "$(everleaf version | head -n 1)"
	S
}

test_installing_it_changes_nothing_unasked() {
	on_a_machine <<-'S'
	dpkg -i $deb
	is 0 "$(asked 'start|enable|preset')"
	gone /etc/systemd/system/*/everleaf* /etc/everleaf/everleaf.conf /var/lib/everleaf/*
	is "everleaf everleaf-keeper everleaf-net" "$(grep -o '^everleaf[^:]*' /etc/passwd | sort | xargs)"
	is "755 0" "$(stat -c '%a %u' /var/lib/everleaf)"
	S
}

test_what_it_installs_works() {
	on_a_machine <<-'S'
	dpkg -i $deb
	issue
	is "600 0" "$(stat -c '%a %u' "$(readlink -f $key)")"
	everleaf status --check
	is "" "$(dpkg -V everleaf)"
	S
}

test_an_upgrade_keeps_everything_and_starts_again_only_what_runs() {
	on_a_machine <<-'S'
	dpkg -i $deb
	issue
	echo "# ours" >>/etc/everleaf/everleaf.conf
	sha256sum $key /etc/everleaf/everleaf.conf >before
	dpkg-deb -R $deb newer
	sed -i 's/^Version: .*/&+later/' newer/DEBIAN/control
	dpkg-deb --root-owner-group -b newer newer.deb
	: >/systemctl
	dpkg -i newer.deb
	sha256sum -c before
	is 1 "$(asked 'try-restart.* everleaf\.service')"
	is 0 "$(asked '(^| )(start|restart|enable|stop)')"
	everleaf renew
	is 1 "$(ls /var/lib/everleaf/archive/localhost | grep -c 0)"
	S
}

test_removed_it_leaves_state_and_configuration() {
	on_a_machine <<-'S'
	dpkg -i $deb
	issue
	: >/systemctl
	dpkg -r everleaf
	is 1 "$(asked 'stop.*everleaf\.service')"
	gone /usr/sbin/everleaf /usr/libexec/everleaf
	there $key /etc/everleaf/everleaf.conf /var/lib/everleaf/agent/state.db
	dpkg -i $deb
	everleaf renew
	is 1 "$(ls /var/lib/everleaf/archive/localhost | grep -c 0)"
	S
}

test_purged_it_leaves_keys_that_may_be_in_use_and_says_so() {
	on_a_machine <<-'S'
	dpkg -i $deb
	issue
	dpkg -P everleaf >said
	grep "/var/lib/everleaf still has keys" said
	there $key /var/lib/everleaf/ca/local/root.pem /etc/everleaf/everleaf.conf
	gone /var/lib/everleaf/{agent,lock,id} /etc/everleaf/everleaf.conf.example /run/everleaf
	dpkg -i $deb
	everleaf renew
	is 1 "$(ls /var/lib/everleaf/archive/localhost | grep -c 0)"
	S
}

test_purged_unused_it_leaves_nothing_but_users() {
	on_a_machine <<-'S'
	files() {
		find /etc /usr /lib /var/lib /run ! -path '/var/lib/dpkg/*' ! -path '/etc/*passwd*' \
			! -path '/etc/*group*' ! -path '/etc/*shadow*' ! -path '/run/systemd*' | sort
	}
	files >before
	dpkg -i $deb
	mkdir /var/lib/everleaf/{live,archive,accounts,ca,crl,roots} # of a run that has issued nothing
	dpkg -P everleaf
	is "" "$(files | comm -3 before - | xargs)"
	S
}

unbuilt=
if [ $# = 0 ] || [ ! -e "$root/build/deb/log" ]; then
	"$root/tests/deb" >/dev/null 2>"$root/build/deb.err" || unbuilt=$(tail -n 1 "$root/build/deb.err")
fi
built=$(ls "$root"/build/deb/everleaf_*.deb 2>/dev/null)
run_tests "$@"
