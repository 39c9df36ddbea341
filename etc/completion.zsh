#compdef everleaf
# zsh completion of everleaf: the program says what may come next.
local word help said=() PATH=$PATH:/usr/local/sbin:/usr/sbin

$words[1] complete "${(@)words[2,CURRENT]}" 2>/dev/null | while IFS=$'\t' read -r word help; do
	said+=("${word//:/\\:}:$help")
done
if [[ $said[1] == '<file>:' ]]; then
	_files
else
	_describe everleaf said
fi
