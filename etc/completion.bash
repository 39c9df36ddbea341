# bash completion of everleaf: the program says what may come next.
_everleaf()
{
	local IFS=$'\n' PATH=$PATH:/usr/local/sbin:/usr/sbin
	COMPREPLY=($("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
	if [ "${COMPREPLY[0]-}" = '<file>' ]; then
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
	fi
}
complete -F _everleaf everleaf
