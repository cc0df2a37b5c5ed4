# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mgr_global_optspecs
    string join \n json q/quiet color= h/help V/version
end

function __fish_mgr_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mgr_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mgr_using_subcommand
    set -l cmd (__fish_mgr_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mgr -n "__fish_mgr_needs_command" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_needs_command" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_needs_command" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_needs_command" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_needs_command" -s V -l version -d 'Print version'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "submit" -d 'Submit a task to an agent'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "run" -d 'Submit a task, follow it, exit by its outcome'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "status" -d 'Show a task, or everything live'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "watch" -d 'Wait for tasks'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "poll" -d 'See what finished'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "output" -d 'Get a task\'s result'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "events" -d 'Read what an agent said and did'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "list" -d 'List tasks'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "cancel" -d 'Cancel tasks'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "pause" -d 'Pause a task'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "resume" -d 'Resume a task'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "retry" -d 'Retry a failed task'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "rerun" -d 'Run a task again'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "send" -d 'Follow up with an agent'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "explain" -d 'Explain a task'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "export" -d 'Export a Markdown report'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "cleanup" -d 'Remove old tasks'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "diff" -d 'Show what a task changed'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "rollback" -d 'Undo what a task changed'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "apply" -d 'Bring in an isolated task\'s result'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "discard" -d 'Give up an isolated task\'s directory'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "archive" -d 'Look into the archive of workspaces and free its space'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "workflow" -d 'Check workflow files, look at their plan, run them'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "template" -d 'Keep workflows and prompts under a name'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "decompose" -d 'Split a prompt into steps'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "parallel" -d 'Run several tasks at once'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "race" -d 'Let several agents race at the same work'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "inbox" -d 'Show what waits for a person'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "answer" -d 'Answer what waits for a person'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "dashboard" -d 'Watch and answer on a page in the browser'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "config" -d 'Show or change settings'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "doctor" -d 'Check what is installed and healthy'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "capabilities" -d 'What mgr can do here'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "demo" -d 'Take a short tour with a scripted agent'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "mcp" -d 'Serve all operations as MCP tools over standard input and output'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "completions" -d 'Print a completion script for a shell'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "man" -d 'Print the manual page'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "reference" -d 'Print the reference in Markdown'
complete -c mgr -n "__fish_mgr_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s b -l backend -d 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s r -l role -d 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s m -l model -d 'Model to ask for; the backend\'s own choice when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l effort -d 'How hard the model should think, where the backend has such a thing' -r -f -a "low\t''
medium\t''
high\t''
max\t''"
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l system-prompt -d 'Text to add to the agent\'s system prompt' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l context -d 'Background to give along with the prompt' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l include-files -d 'Files whose content goes along with the prompt (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s t -l tags -d 'Tags to find the task by (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s l -l label -d 'Short name to find the task by' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l metadata -d 'Data of your own to keep with the task (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s p -l posture -d 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could' -r -f -a "read_only\t'Look, do not touch'
edit\t'Change files in the working directory'
full\t'Anything the user could do'"
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l verify -d 'Shell command that must succeed after the agent, or the task fails (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l verify-retries -d 'How often a failed check goes back to the agent\'s conversation with its output, 0 to 10; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l timeout -d 'Longest running time such as 10m; the setting `timeout` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l idle-timeout -d 'End the task when the agent is silent for so long with no tool running, such as 5m' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l budget -d 'Most money to spend, such as $0.50' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l max-tokens -d 'Most tokens to use, all kinds together' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l max-turns -d 'Most turns of the model, where the backend can count them' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l max-output -d 'Most output of the agent\'s process, such as 100MB; the setting `max_output` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l output-schema -d 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l isolate -d 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in' -r -f -a "none\t'In the working directory itself'
worktree\t'In a git worktree of its own'
copy\t'In a copy of the working directory; needs no git'"
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l setup -d 'Shell command that makes the isolated directory ready (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l archive -d 'What is archived for diff and rollback: all, off or paths:A,B' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l priority -d 'Higher starts first; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l after -d 'Tasks that must be done before this one starts (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l retries -d 'Further attempts after a failure that may pass by itself; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l fallback -d 'Backends to try in turn when the first fails (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l request-id -d 'Name of this request: sending it again returns the same task' -r
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l auto-route -d 'Choose the backend automatically, the same as backend auto'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l trust-project -d 'Let the project\'s own agent settings (hooks, MCP servers) run; they are programs of the repository'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l share -d 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l allow-duplicate -d 'Start even if the same work is under way'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s w -l wait -d 'Wait for the end (over MCP for a bounded time)'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand run" -s b -l backend -d 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s r -l role -d 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s m -l model -d 'Model to ask for; the backend\'s own choice when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l effort -d 'How hard the model should think, where the backend has such a thing' -r -f -a "low\t''
medium\t''
high\t''
max\t''"
complete -c mgr -n "__fish_mgr_using_subcommand run" -l system-prompt -d 'Text to add to the agent\'s system prompt' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l context -d 'Background to give along with the prompt' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l include-files -d 'Files whose content goes along with the prompt (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s t -l tags -d 'Tags to find the task by (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s l -l label -d 'Short name to find the task by' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l metadata -d 'Data of your own to keep with the task (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -s p -l posture -d 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could' -r -f -a "read_only\t'Look, do not touch'
edit\t'Change files in the working directory'
full\t'Anything the user could do'"
complete -c mgr -n "__fish_mgr_using_subcommand run" -l verify -d 'Shell command that must succeed after the agent, or the task fails (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l verify-retries -d 'How often a failed check goes back to the agent\'s conversation with its output, 0 to 10; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l timeout -d 'Longest running time such as 10m; the setting `timeout` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l idle-timeout -d 'End the task when the agent is silent for so long with no tool running, such as 5m' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l budget -d 'Most money to spend, such as $0.50' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l max-tokens -d 'Most tokens to use, all kinds together' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l max-turns -d 'Most turns of the model, where the backend can count them' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l max-output -d 'Most output of the agent\'s process, such as 100MB; the setting `max_output` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l output-schema -d 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l isolate -d 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in' -r -f -a "none\t'In the working directory itself'
worktree\t'In a git worktree of its own'
copy\t'In a copy of the working directory; needs no git'"
complete -c mgr -n "__fish_mgr_using_subcommand run" -l setup -d 'Shell command that makes the isolated directory ready (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l archive -d 'What is archived for diff and rollback: all, off or paths:A,B' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l priority -d 'Higher starts first; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l after -d 'Tasks that must be done before this one starts (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l retries -d 'Further attempts after a failure that may pass by itself; 0 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l fallback -d 'Backends to try in turn when the first fails (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l request-id -d 'Name of this request: sending it again returns the same task' -r
complete -c mgr -n "__fish_mgr_using_subcommand run" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand run" -l auto-route -d 'Choose the backend automatically, the same as backend auto'
complete -c mgr -n "__fish_mgr_using_subcommand run" -l trust-project -d 'Let the project\'s own agent settings (hooks, MCP servers) run; they are programs of the repository'
complete -c mgr -n "__fish_mgr_using_subcommand run" -l share -d 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain'
complete -c mgr -n "__fish_mgr_using_subcommand run" -l allow-duplicate -d 'Start even if the same work is under way'
complete -c mgr -n "__fish_mgr_using_subcommand run" -s w -l wait -d 'Wait for the end (over MCP for a bounded time)'
complete -c mgr -n "__fish_mgr_using_subcommand run" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand run" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand status" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand status" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand status" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l mode -d 'When the wait is over: all tasks, any task, or first_success' -r -f -a "all\t'All are over'
any\t'One is over'
first_success\t'One is done and its checks did not fail'"
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l timeout -d 'Longest wait such as 45s, 0 just looks; over MCP at most 50s, or 230s with a progress token' -r
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l after -d 'Cursor from an earlier answer: tasks that were reported there are not reported again' -r
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l cancel-rest -d 'Cancel the tasks that are still running when the wait is over'
complete -c mgr -n "__fish_mgr_using_subcommand watch" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand watch" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand poll" -l since -d 'A cursor from an earlier answer, or a time such as 2026-11-20T09:30:00Z; now when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand poll" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand poll" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand poll" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand poll" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand output" -l tail -d 'Only the last so many lines' -r
complete -c mgr -n "__fish_mgr_using_subcommand output" -l max-chars -d 'Most characters to return' -r
complete -c mgr -n "__fish_mgr_using_subcommand output" -l attempt -d 'Which attempt; the last one when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand output" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand output" -l raw -d 'The agent\'s raw stdout; harmless on a terminal'
complete -c mgr -n "__fish_mgr_using_subcommand output" -l stderr -d 'The agent\'s raw stderr; harmless on a terminal'
complete -c mgr -n "__fish_mgr_using_subcommand output" -l verify -d 'What the checks printed'
complete -c mgr -n "__fish_mgr_using_subcommand output" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand output" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand output" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand events" -l after -d 'Cursor from an earlier answer; from the beginning when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand events" -l limit -d 'Most events to return, 1 to 1000' -r
complete -c mgr -n "__fish_mgr_using_subcommand events" -l kinds -d 'Only these kinds, such as text or tool_started (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand events" -l wait -d 'Wait for so long for news when there is none, such as 30s' -r
complete -c mgr -n "__fish_mgr_using_subcommand events" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand events" -l compact -d 'Fold tool calls that follow each other, such as `Grep ×7`'
complete -c mgr -n "__fish_mgr_using_subcommand events" -s f -l follow -d 'Print events as they come until the task is over (command line)'
complete -c mgr -n "__fish_mgr_using_subcommand events" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand events" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand events" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand list" -s s -l status -d 'Only tasks of this status (can be repeated)' -r -f -a "queued\t''
held\t''
running\t''
paused\t''
needs_input\t''
done\t''
failed\t''
cancelled\t''
timed_out\t''
skipped\t''
lost\t''"
complete -c mgr -n "__fish_mgr_using_subcommand list" -l health -d 'Only tasks of this health (can be repeated)' -r -f -a "queued\t''
held\t''
running\t''
running_long_tool\t''
idle\t''
stalled\t''
paused\t''
needs_input\t''
done\t''
failed\t''
cancelled\t''
timed_out\t''
auth_error\t''
backend_missing\t''
rate_limited\t''
skipped\t''
lost\t''"
complete -c mgr -n "__fish_mgr_using_subcommand list" -s b -l backend -d 'Only tasks of this backend' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -s t -l tag -d 'Only tasks with this tag' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -s l -l label -d 'Only tasks with this label' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -s r -l role -d 'Only tasks of this role' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -l workflow -d 'Only tasks of this workflow run: its id, a unique prefix, @last or @-2' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -l since -d 'Only tasks submitted since a time, or within a duration such as 2h' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -l search -d 'Only tasks whose prompt contains this text' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -s n -l limit -d 'Most tasks to return, 1 to 1000' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -l cursor -d 'Cursor from an earlier answer, for the next page' -r
complete -c mgr -n "__fish_mgr_using_subcommand list" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand list" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand list" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -l reason -d 'Why, to be kept with the task' -r
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -l grace -d 'Time for a polite end before everything is killed, such as 5s; the setting `grace` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand pause" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand pause" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand pause" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand resume" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand resume" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand resume" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand retry" -l additional-context -d 'More to tell the agent this time' -r
complete -c mgr -n "__fish_mgr_using_subcommand retry" -s b -l backend-override -d 'Another backend than before' -r
complete -c mgr -n "__fish_mgr_using_subcommand retry" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand retry" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand retry" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -l additional-context -d 'More to tell the agent this time' -r
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -l include-files -d 'Files whose content goes along with the prompt, instead of those of before (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -s b -l backend-override -d 'Another backend than before' -r
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -s C -l working-dir -d 'Another directory than before; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand rerun" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand send" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand send" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand send" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand send" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand explain" -l last -d 'How many of the last tasks, when none is named, 1 to 50' -r
complete -c mgr -n "__fish_mgr_using_subcommand explain" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand explain" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand explain" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand export" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand export" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand export" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -l older-than -d 'Only tasks that were submitted longer ago than this, such as 7d' -r
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -s s -l status -d 'Only tasks of this status (can be repeated); all that are over when absent' -r -f -a "queued\t''
held\t''
running\t''
paused\t''
needs_input\t''
done\t''
failed\t''
cancelled\t''
timed_out\t''
skipped\t''
lost\t''"
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -l apply -d 'Remove them; without it, only say what would go'
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand cleanup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand diff" -l max-chars -d 'Most characters of list and patch to return at once; the rest comes with the cursor' -r
complete -c mgr -n "__fish_mgr_using_subcommand diff" -l cursor -d 'Cursor from an earlier answer, for the next page' -r
complete -c mgr -n "__fish_mgr_using_subcommand diff" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand diff" -l stat -d 'Only the list of files, no patch'
complete -c mgr -n "__fish_mgr_using_subcommand diff" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand diff" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l dry-run -d 'Only say what would be done; over MCP true unless false is sent' -r
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l on-conflict -d 'For what was changed since: refuse (all of it), skip, theirs (take the archived state), markers (merge)' -r -f -a "refuse\t'Change nothing at all'
skip\t'Leave it as it is, do the rest'
theirs\t'Take the wanted state; the other\'s edit stays in the archive'
markers\t'Merge texts and mark what overlaps'"
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l limit -d 'Most paths to list of each kind' -r
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l undo -d 'Take back the last rollback of this task'
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l on-conflict -d 'For what both sides changed in one place: skip (leave it), refuse (all of it), theirs (the task\'s), markers' -r -f -a "refuse\t'Change nothing at all'
skip\t'Leave it as it is, do the rest'
theirs\t'Take the wanted state; the other\'s edit stays in the archive'
markers\t'Merge texts and mark what overlaps'"
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l limit -d 'Most paths to list of each kind' -r
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l dry-run -d 'Only say what would be done'
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l undo -d 'Take back the last apply of this task'
complete -c mgr -n "__fish_mgr_using_subcommand apply" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand apply" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand apply" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand discard" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand discard" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand discard" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand discard" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -f -a "list" -d 'List what is archived'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -f -a "gc" -d 'Free the archive\'s space'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -f -a "restore" -d 'Get archived files out'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and not __fish_seen_subcommand_from list gc restore help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -l workspace -d 'Only what was archived of this directory or beneath it' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -s n -l limit -d 'Most snapshots to return, the newest first' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -l older-than -d 'Only snapshots that are older than this, such as 7d; the setting `archive_keep` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -l max-size -d 'Beyond this size the oldest go, however young; the setting `archive_max_size` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -s n -l limit -d 'Most snapshots to list, those that go first' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -l apply -d 'Remove them; without it, only say what would go'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from gc" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from restore" -l to -d 'Directory to write to, new or empty; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from restore" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from restore" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from help" -f -a "list" -d 'List what is archived'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from help" -f -a "gc" -d 'Free the archive\'s space'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from help" -f -a "restore" -d 'Get archived files out'
complete -c mgr -n "__fish_mgr_using_subcommand archive; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "validate" -d 'Check a workflow file'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "plan" -d 'Show what a workflow would run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "run" -d 'Run a workflow'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "status" -d 'Show how far a workflow is'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "list" -d 'List workflow runs'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "cancel" -d 'Cancel a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "pause" -d 'Pause a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "resume" -d 'Resume a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "retry" -d 'Run a step of a workflow again'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "report" -d 'Report a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and not __fish_seen_subcommand_from validate plan run status list cancel pause resume retry report help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -l workflow -d 'The workflow itself instead of a file: YAML text, or an object of the same shape' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -l template -d 'Name of a template or shipped example instead of a file' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -l params -d 'Values of the workflow\'s parameters; when any is given, all required ones must be (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l workflow -d 'The workflow itself instead of a file: YAML text, or an object of the same shape' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l template -d 'Name of a template or shipped example instead of a file' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l params -d 'Values of the workflow\'s parameters; when any is given, all required ones must be (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l mermaid -d 'Print the graph as Mermaid text and nothing else'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l workflow -d 'The workflow itself instead of a file: YAML text, or an object of the same shape' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l template -d 'Name of a template or shipped example instead of a file' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l params -d 'Values of the workflow\'s parameters (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l from-step -d 'Start at this step; what does not build on it is taken over unchanged from an earlier run' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l reuse -d 'Take over from this run what is done there and has not changed' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l loaf-id -d 'Loaf that `loaf.…` in the workflow means' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l request-id -d 'Name of this request: sending it again returns the same run' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l demo -d 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l unattended -d 'Ask nobody: each approval is decided at once by its `unattended` (deny unless it says otherwise)'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -s w -l wait -d 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l detach -d 'Return at once with the run\'s id'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -s w -l wait -d 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -l diff -d 'Show how the file differs by now from what the run was started with'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -s s -l status -d 'Only runs of this status' -r -f -a "running\t''
paused\t'Nothing new is started until somebody lets it go on'
done\t''
failed\t''
cancelled\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -s n -l limit -d 'Most runs to return, newest first; 20 when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -l nested -d 'The runs of nested workflows as well'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -l examples -d 'List the workflows that are shipped with mgr instead, each in one line'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from cancel" -l grace -d 'Time that running steps get to end politely, such as 10s' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from cancel" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from cancel" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from cancel" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from pause" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from pause" -l let-run -d 'Let what runs finish; else its processes stop where they are'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from pause" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from pause" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from pause" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -l budget -d 'The most that the whole run may cost from now on, such as $10' -r
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -s w -l wait -d 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from retry" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from retry" -s w -l wait -d 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from retry" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from retry" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from report" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from report" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from report" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "validate" -d 'Check a workflow file'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "plan" -d 'Show what a workflow would run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run a workflow'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show how far a workflow is'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "list" -d 'List workflow runs'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Cancel a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "pause" -d 'Pause a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "resume" -d 'Resume a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Run a step of a workflow again'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "report" -d 'Report a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand workflow; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "save" -d 'Keep a workflow or prompt under a name'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "list" -d 'List templates'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "show" -d 'Show a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "run" -d 'Run a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "rm" -d 'Delete a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and not __fish_seen_subcommand_from save list show run rm help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l workflow -d 'The workflow itself: YAML text, or an object of the same shape' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l template -d 'Name of another template or of a shipped example to copy' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l prompt -d 'A prompt instead of a workflow; {{ params.x }} in it becomes a parameter' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l from-run -d 'A run that is over, whose workflow is kept' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l description -d 'What it is for, in a sentence' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l params -d 'Types, defaults and descriptions of the prompt\'s parameters, by name, as a workflow declares them' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -s f -l force -d 'Replace a template of this name'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from save" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from list" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from show" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l params -d 'Values of its parameters (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l request-id -d 'Name of this request: sending it again returns the same run' -r
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l demo -d 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -s w -l wait -d 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l detach -d 'Return at once with the run\'s id'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from rm" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Do not ask; only a terminal is asked'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from rm" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "save" -d 'Keep a workflow or prompt under a name'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "list" -d 'List templates'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "run" -d 'Run a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "rm" -d 'Delete a template'
complete -c mgr -n "__fish_mgr_using_subcommand template; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -s C -l working-dir -d 'Directory that the planner looks at and that the steps work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l planner -d 'Let this backend plan, which only looks; by rule when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l task-id -d 'The planner\'s task of an earlier call that was still planning' -r
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -s o -l out -d 'Write the workflow to this file; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l save -d 'Save the workflow as a template of this name' -r
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -s f -l force -d 'Replace a file or template that is there'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l run -d 'Run the workflow at once; the command line waits for its end'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l demo -d 'With run: every agent is the scripted demo agent, and nothing is run or spent'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand decompose" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -s f -l file -d 'File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l tasks -d 'The tasks instead of a file, each with id, prompt and any field of a submit; depends_on names others (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l steps -d 'The same as tasks (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l name -d 'Name to find the run by' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l max-concurrent -d 'Most tasks at work at once' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l loaf-id -d 'Loaf that the tasks belong to: `loaf.…` in prompts, and metadata `loaf_id` of each' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l request-id -d 'Name of this request: sending it again returns the same run' -r
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l fail-fast -d 'Start nothing new after the first failure'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l demo -d 'Try it out: a scripted agent in place of each, and nothing is run or spent'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -s w -l wait -d 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l detach -d 'Return at once with the run\'s id'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand parallel" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand race" -s b -l backends -d 'The agents that race, 2 to 10; the same one may be named again (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -s n -l attempts -d 'How many attempts each of them gets; one when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -l verify -d 'Shell command that must succeed after a racer, or it cannot win (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -l first-success -d 'False: all finish, then the first of backends that succeeded wins; true when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -s C -l working-dir -d 'Directory to work in; over MCP an absolute path' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -s m -l model -d 'Model to ask for; each backend\'s own choice when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -s p -l posture -d 'How much the racers may do' -r -f -a "read_only\t'Look, do not touch'
edit\t'Change files in the working directory'
full\t'Anything the user could do'"
complete -c mgr -n "__fish_mgr_using_subcommand race" -l timeout -d 'Longest running time of each racer such as 10m; the setting `timeout` when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -l isolate -d 'Where each works: worktree or copy; what the directory allows when absent' -r -f -a "none\t'In the working directory itself'
worktree\t'In a git worktree of its own'
copy\t'In a copy of the working directory; needs no git'"
complete -c mgr -n "__fish_mgr_using_subcommand race" -l request-id -d 'Name of this request: sending it again returns the same race' -r
complete -c mgr -n "__fish_mgr_using_subcommand race" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand race" -l keep-rest -d 'Let the others finish after one has won'
complete -c mgr -n "__fish_mgr_using_subcommand race" -l apply -d 'Bring the winner\'s result into the directory'
complete -c mgr -n "__fish_mgr_using_subcommand race" -l demo -d 'Try it out: every racer is the scripted demo agent, and nothing is spent'
complete -c mgr -n "__fish_mgr_using_subcommand race" -s w -l wait -d 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
complete -c mgr -n "__fish_mgr_using_subcommand race" -l detach -d 'Return at once with the run\'s id'
complete -c mgr -n "__fish_mgr_using_subcommand race" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand race" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand race" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand inbox" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand inbox" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand inbox" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand inbox" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand answer" -l note -d 'A word on it, which later steps get as the step\'s output' -r
complete -c mgr -n "__fish_mgr_using_subcommand answer" -l digest -d 'Digest of what was reviewed, as the inbox had it; refused if it has changed since' -r
complete -c mgr -n "__fish_mgr_using_subcommand answer" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand answer" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand answer" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand answer" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -l no-browser -d 'Only print the link; without it a browser is opened where there is a screen'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -f -a "open" -d 'Open the dashboard in a browser'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -f -a "status" -d 'Show whether the dashboard runs'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -f -a "stop" -d 'End the dashboard'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -f -a "serve" -d 'Serve the dashboard in this terminal, until Ctrl-C'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and not __fish_seen_subcommand_from open status stop serve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from open" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from open" -l no-browser -d 'Only print the link; without it a browser is opened where there is a screen'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from open" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from open" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from status" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from status" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from stop" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from stop" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from serve" -l port -d 'Port on 127.0.0.1, for a tunnel; any free one when 0' -r
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from serve" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from serve" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from serve" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from serve" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from help" -f -a "open" -d 'Open the dashboard in a browser'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show whether the dashboard runs'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from help" -f -a "stop" -d 'End the dashboard'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from help" -f -a "serve" -d 'Serve the dashboard in this terminal, until Ctrl-C'
complete -c mgr -n "__fish_mgr_using_subcommand dashboard; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand config" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand config" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand config" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -l fix -d 'Mend what can be mended without losing anything'
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -l rebuild -d 'Make the database anew from the tasks\' files; the old one is put aside'
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand capabilities" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand capabilities" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand capabilities" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand capabilities" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand demo" -l dir -d 'Directory for the scratch files; a fresh one under mgr\'s home when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand demo" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand demo" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand demo" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l toolsets -d 'Tool sets to offer: default, all, core, flow, safety, ops; the variable MGR_MCP_TOOLSETS when absent' -r
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l tools -d 'Tools to offer besides those of the sets' -r
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l allow-dir -d 'Directory that tasks may work in, besides the one mgr was started in (can be repeated)' -r
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l read-only -d 'Offer only tools that change nothing'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -f -a "config" -d 'Print what a client\'s configuration needs'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -f -a "install" -d 'Write a client\'s configuration, with a backup'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and not __fish_seen_subcommand_from config install help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from config" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from config" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from config" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from config" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from install" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from install" -l project -d 'Write the file of this project instead of yours'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from install" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from help" -f -a "config" -d 'Print what a client\'s configuration needs'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from help" -f -a "install" -d 'Write a client\'s configuration, with a backup'
complete -c mgr -n "__fish_mgr_using_subcommand mcp; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand completions" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand completions" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand completions" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand completions" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand man" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand man" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand man" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand man" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand reference" -l color -d 'When to colour: auto, always or never (NO_COLOR is honoured)' -r -f -a "auto\t''
always\t''
never\t''"
complete -c mgr -n "__fish_mgr_using_subcommand reference" -l json -d 'Print one JSON object instead of text'
complete -c mgr -n "__fish_mgr_using_subcommand reference" -s q -l quiet -d 'Say nothing but the answer'
complete -c mgr -n "__fish_mgr_using_subcommand reference" -s h -l help -d 'Print help'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "submit" -d 'Submit a task to an agent'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "run" -d 'Submit a task, follow it, exit by its outcome'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "status" -d 'Show a task, or everything live'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "watch" -d 'Wait for tasks'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "poll" -d 'See what finished'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "output" -d 'Get a task\'s result'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "events" -d 'Read what an agent said and did'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "list" -d 'List tasks'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "cancel" -d 'Cancel tasks'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "pause" -d 'Pause a task'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "resume" -d 'Resume a task'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "retry" -d 'Retry a failed task'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "rerun" -d 'Run a task again'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "send" -d 'Follow up with an agent'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "explain" -d 'Explain a task'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "export" -d 'Export a Markdown report'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "cleanup" -d 'Remove old tasks'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "diff" -d 'Show what a task changed'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "rollback" -d 'Undo what a task changed'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "apply" -d 'Bring in an isolated task\'s result'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "discard" -d 'Give up an isolated task\'s directory'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "archive" -d 'Look into the archive of workspaces and free its space'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "workflow" -d 'Check workflow files, look at their plan, run them'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "template" -d 'Keep workflows and prompts under a name'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "decompose" -d 'Split a prompt into steps'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "parallel" -d 'Run several tasks at once'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "race" -d 'Let several agents race at the same work'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "inbox" -d 'Show what waits for a person'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "answer" -d 'Answer what waits for a person'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "dashboard" -d 'Watch and answer on a page in the browser'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "config" -d 'Show or change settings'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "doctor" -d 'Check what is installed and healthy'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "capabilities" -d 'What mgr can do here'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "demo" -d 'Take a short tour with a scripted agent'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "mcp" -d 'Serve all operations as MCP tools over standard input and output'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "completions" -d 'Print a completion script for a shell'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "man" -d 'Print the manual page'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "reference" -d 'Print the reference in Markdown'
complete -c mgr -n "__fish_mgr_using_subcommand help; and not __fish_seen_subcommand_from submit run status watch poll output events list cancel pause resume retry rerun send explain export cleanup diff rollback apply discard archive workflow template decompose parallel race inbox answer dashboard config doctor capabilities demo mcp completions man reference help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from archive" -f -a "list" -d 'List what is archived'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from archive" -f -a "gc" -d 'Free the archive\'s space'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from archive" -f -a "restore" -d 'Get archived files out'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "validate" -d 'Check a workflow file'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "plan" -d 'Show what a workflow would run'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "run" -d 'Run a workflow'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "status" -d 'Show how far a workflow is'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "list" -d 'List workflow runs'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "cancel" -d 'Cancel a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "pause" -d 'Pause a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "resume" -d 'Resume a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "retry" -d 'Run a step of a workflow again'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from workflow" -f -a "report" -d 'Report a workflow run'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "save" -d 'Keep a workflow or prompt under a name'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "list" -d 'List templates'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "show" -d 'Show a template'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "run" -d 'Run a template'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from template" -f -a "rm" -d 'Delete a template'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from dashboard" -f -a "open" -d 'Open the dashboard in a browser'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from dashboard" -f -a "status" -d 'Show whether the dashboard runs'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from dashboard" -f -a "stop" -d 'End the dashboard'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from dashboard" -f -a "serve" -d 'Serve the dashboard in this terminal, until Ctrl-C'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from mcp" -f -a "config" -d 'Print what a client\'s configuration needs'
complete -c mgr -n "__fish_mgr_using_subcommand help; and __fish_seen_subcommand_from mcp" -f -a "install" -d 'Write a client\'s configuration, with a backup'
