# The page must know where a prompt begins (133;A) and where the output of a command begins (133;C): the marks of
# FinalTerm, which terminals do not show.
PS0=$'\e]133;C\a'
PROMPT_COMMAND='printf "\e]133;A\a"'
if [ "${LAB_TOP:-}" ]; then
	PS1="$LAB_PROMPT "
	unset LAB_TOP
else
	PS1="box$LAB_PROMPT "
fi
shopt -u checkwinsize
alias ls='ls -1'
