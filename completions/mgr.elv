
use builtin;
use str;

set edit:completion:arg-completer[mgr] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'mgr'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'mgr'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
            cand submit 'Submit a task to an agent'
            cand run 'Submit a task, follow it, exit by its outcome'
            cand status 'Show a task, or everything live'
            cand watch 'Wait for tasks'
            cand poll 'See what finished'
            cand output 'Get a task''s result'
            cand events 'Read what an agent said and did'
            cand list 'List tasks'
            cand cancel 'Cancel tasks'
            cand pause 'Pause a task'
            cand resume 'Resume a task'
            cand retry 'Retry a failed task'
            cand rerun 'Run a task again'
            cand send 'Follow up with an agent'
            cand explain 'Explain a task'
            cand export 'Export a Markdown report'
            cand cleanup 'Remove old tasks'
            cand diff 'Show what a task changed'
            cand rollback 'Undo what a task changed'
            cand apply 'Bring in an isolated task''s result'
            cand discard 'Give up an isolated task''s directory'
            cand archive 'Look into the archive of workspaces and free its space'
            cand workflow 'Check workflow files, look at their plan, run them'
            cand template 'Keep workflows and prompts under a name'
            cand decompose 'Split a prompt into steps'
            cand parallel 'Run several tasks at once'
            cand race 'Let several agents race at the same work'
            cand inbox 'Show what waits for a person'
            cand answer 'Answer what waits for a person'
            cand dashboard 'Watch and answer on a page in the browser'
            cand config 'Show or change settings'
            cand doctor 'Check what is installed and healthy'
            cand capabilities 'What mgr can do here'
            cand demo 'Take a short tour with a scripted agent'
            cand mcp 'Serve all operations as MCP tools over standard input and output'
            cand completions 'Print a completion script for a shell'
            cand man 'Print the manual page'
            cand reference 'Print the reference in Markdown'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;submit'= {
            cand -b 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent'
            cand --backend 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand -r 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security'
            cand --role 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security'
            cand -m 'Model to ask for; the backend''s own choice when absent'
            cand --model 'Model to ask for; the backend''s own choice when absent'
            cand --effort 'How hard the model should think, where the backend has such a thing'
            cand --system-prompt 'Text to add to the agent''s system prompt'
            cand --context 'Background to give along with the prompt'
            cand --include-files 'Files whose content goes along with the prompt (can be repeated)'
            cand -t 'Tags to find the task by (can be repeated)'
            cand --tags 'Tags to find the task by (can be repeated)'
            cand -l 'Short name to find the task by'
            cand --label 'Short name to find the task by'
            cand --metadata 'Data of your own to keep with the task (can be repeated)'
            cand -p 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could'
            cand --posture 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could'
            cand --verify 'Shell command that must succeed after the agent, or the task fails (can be repeated)'
            cand --verify-retries 'How often a failed check goes back to the agent''s conversation with its output, 0 to 10; 0 when absent'
            cand --timeout 'Longest running time such as 10m; the setting `timeout` when absent'
            cand --idle-timeout 'End the task when the agent is silent for so long with no tool running, such as 5m'
            cand --budget 'Most money to spend, such as $0.50'
            cand --max-tokens 'Most tokens to use, all kinds together'
            cand --max-turns 'Most turns of the model, where the backend can count them'
            cand --max-output 'Most output of the agent''s process, such as 100MB; the setting `max_output` when absent'
            cand --output-schema 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)'
            cand --isolate 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in'
            cand --setup 'Shell command that makes the isolated directory ready (can be repeated)'
            cand --archive 'What is archived for diff and rollback: all, off or paths:A,B'
            cand --priority 'Higher starts first; 0 when absent'
            cand --after 'Tasks that must be done before this one starts (can be repeated)'
            cand --retries 'Further attempts after a failure that may pass by itself; 0 when absent'
            cand --fallback 'Backends to try in turn when the first fails (can be repeated)'
            cand --request-id 'Name of this request: sending it again returns the same task'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --auto-route 'Choose the backend automatically, the same as backend auto'
            cand --trust-project 'Let the project''s own agent settings (hooks, MCP servers) run; they are programs of the repository'
            cand --share 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain'
            cand --allow-duplicate 'Start even if the same work is under way'
            cand -w 'Wait for the end (over MCP for a bounded time)'
            cand --wait 'Wait for the end (over MCP for a bounded time)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;run'= {
            cand -b 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent'
            cand --backend 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand -r 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security'
            cand --role 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security'
            cand -m 'Model to ask for; the backend''s own choice when absent'
            cand --model 'Model to ask for; the backend''s own choice when absent'
            cand --effort 'How hard the model should think, where the backend has such a thing'
            cand --system-prompt 'Text to add to the agent''s system prompt'
            cand --context 'Background to give along with the prompt'
            cand --include-files 'Files whose content goes along with the prompt (can be repeated)'
            cand -t 'Tags to find the task by (can be repeated)'
            cand --tags 'Tags to find the task by (can be repeated)'
            cand -l 'Short name to find the task by'
            cand --label 'Short name to find the task by'
            cand --metadata 'Data of your own to keep with the task (can be repeated)'
            cand -p 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could'
            cand --posture 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could'
            cand --verify 'Shell command that must succeed after the agent, or the task fails (can be repeated)'
            cand --verify-retries 'How often a failed check goes back to the agent''s conversation with its output, 0 to 10; 0 when absent'
            cand --timeout 'Longest running time such as 10m; the setting `timeout` when absent'
            cand --idle-timeout 'End the task when the agent is silent for so long with no tool running, such as 5m'
            cand --budget 'Most money to spend, such as $0.50'
            cand --max-tokens 'Most tokens to use, all kinds together'
            cand --max-turns 'Most turns of the model, where the backend can count them'
            cand --max-output 'Most output of the agent''s process, such as 100MB; the setting `max_output` when absent'
            cand --output-schema 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)'
            cand --isolate 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in'
            cand --setup 'Shell command that makes the isolated directory ready (can be repeated)'
            cand --archive 'What is archived for diff and rollback: all, off or paths:A,B'
            cand --priority 'Higher starts first; 0 when absent'
            cand --after 'Tasks that must be done before this one starts (can be repeated)'
            cand --retries 'Further attempts after a failure that may pass by itself; 0 when absent'
            cand --fallback 'Backends to try in turn when the first fails (can be repeated)'
            cand --request-id 'Name of this request: sending it again returns the same task'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --auto-route 'Choose the backend automatically, the same as backend auto'
            cand --trust-project 'Let the project''s own agent settings (hooks, MCP servers) run; they are programs of the repository'
            cand --share 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain'
            cand --allow-duplicate 'Start even if the same work is under way'
            cand -w 'Wait for the end (over MCP for a bounded time)'
            cand --wait 'Wait for the end (over MCP for a bounded time)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;status'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;watch'= {
            cand --mode 'When the wait is over: all tasks, any task, or first_success'
            cand --timeout 'Longest wait such as 45s, 0 just looks; over MCP at most 50s, or 230s with a progress token'
            cand --after 'Cursor from an earlier answer: tasks that were reported there are not reported again'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --cancel-rest 'Cancel the tasks that are still running when the wait is over'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;poll'= {
            cand --since 'A cursor from an earlier answer, or a time such as 2026-11-20T09:30:00Z; now when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;output'= {
            cand --tail 'Only the last so many lines'
            cand --max-chars 'Most characters to return'
            cand --attempt 'Which attempt; the last one when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --raw 'The agent''s raw stdout; harmless on a terminal'
            cand --stderr 'The agent''s raw stderr; harmless on a terminal'
            cand --verify 'What the checks printed'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;events'= {
            cand --after 'Cursor from an earlier answer; from the beginning when absent'
            cand --limit 'Most events to return, 1 to 1000'
            cand --kinds 'Only these kinds, such as text or tool_started (can be repeated)'
            cand --wait 'Wait for so long for news when there is none, such as 30s'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --compact 'Fold tool calls that follow each other, such as `Grep ×7`'
            cand -f 'Print events as they come until the task is over (command line)'
            cand --follow 'Print events as they come until the task is over (command line)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;list'= {
            cand -s 'Only tasks of this status (can be repeated)'
            cand --status 'Only tasks of this status (can be repeated)'
            cand --health 'Only tasks of this health (can be repeated)'
            cand -b 'Only tasks of this backend'
            cand --backend 'Only tasks of this backend'
            cand -t 'Only tasks with this tag'
            cand --tag 'Only tasks with this tag'
            cand -l 'Only tasks with this label'
            cand --label 'Only tasks with this label'
            cand -r 'Only tasks of this role'
            cand --role 'Only tasks of this role'
            cand --workflow 'Only tasks of this workflow run: its id, a unique prefix, @last or @-2'
            cand --since 'Only tasks submitted since a time, or within a duration such as 2h'
            cand --search 'Only tasks whose prompt contains this text'
            cand -n 'Most tasks to return, 1 to 1000'
            cand --limit 'Most tasks to return, 1 to 1000'
            cand --cursor 'Cursor from an earlier answer, for the next page'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;cancel'= {
            cand --reason 'Why, to be kept with the task'
            cand --grace 'Time for a polite end before everything is killed, such as 5s; the setting `grace` when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;pause'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;resume'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;retry'= {
            cand --additional-context 'More to tell the agent this time'
            cand -b 'Another backend than before'
            cand --backend-override 'Another backend than before'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;rerun'= {
            cand --additional-context 'More to tell the agent this time'
            cand --include-files 'Files whose content goes along with the prompt, instead of those of before (can be repeated)'
            cand -b 'Another backend than before'
            cand --backend-override 'Another backend than before'
            cand -C 'Another directory than before; over MCP an absolute path'
            cand --working-dir 'Another directory than before; over MCP an absolute path'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;send'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;explain'= {
            cand --last 'How many of the last tasks, when none is named, 1 to 50'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;export'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;cleanup'= {
            cand --older-than 'Only tasks that were submitted longer ago than this, such as 7d'
            cand -s 'Only tasks of this status (can be repeated); all that are over when absent'
            cand --status 'Only tasks of this status (can be repeated); all that are over when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --apply 'Remove them; without it, only say what would go'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;diff'= {
            cand --max-chars 'Most characters of list and patch to return at once; the rest comes with the cursor'
            cand --cursor 'Cursor from an earlier answer, for the next page'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --stat 'Only the list of files, no patch'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;rollback'= {
            cand --dry-run 'Only say what would be done; over MCP true unless false is sent'
            cand --on-conflict 'For what was changed since: refuse (all of it), skip, theirs (take the archived state), markers (merge)'
            cand --limit 'Most paths to list of each kind'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --undo 'Take back the last rollback of this task'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;apply'= {
            cand --on-conflict 'For what both sides changed in one place: skip (leave it), refuse (all of it), theirs (the task''s), markers'
            cand --limit 'Most paths to list of each kind'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --dry-run 'Only say what would be done'
            cand --undo 'Take back the last apply of this task'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;discard'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;archive'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand list 'List what is archived'
            cand gc 'Free the archive''s space'
            cand restore 'Get archived files out'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;archive;list'= {
            cand --workspace 'Only what was archived of this directory or beneath it'
            cand -n 'Most snapshots to return, the newest first'
            cand --limit 'Most snapshots to return, the newest first'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;archive;gc'= {
            cand --older-than 'Only snapshots that are older than this, such as 7d; the setting `archive_keep` when absent'
            cand --max-size 'Beyond this size the oldest go, however young; the setting `archive_max_size` when absent'
            cand -n 'Most snapshots to list, those that go first'
            cand --limit 'Most snapshots to list, those that go first'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --apply 'Remove them; without it, only say what would go'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;archive;restore'= {
            cand --to 'Directory to write to, new or empty; over MCP an absolute path'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;archive;help'= {
            cand list 'List what is archived'
            cand gc 'Free the archive''s space'
            cand restore 'Get archived files out'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;archive;help;list'= {
        }
        &'mgr;archive;help;gc'= {
        }
        &'mgr;archive;help;restore'= {
        }
        &'mgr;archive;help;help'= {
        }
        &'mgr;workflow'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand validate 'Check a workflow file'
            cand plan 'Show what a workflow would run'
            cand run 'Run a workflow'
            cand status 'Show how far a workflow is'
            cand list 'List workflow runs'
            cand cancel 'Cancel a workflow run'
            cand pause 'Pause a workflow run'
            cand resume 'Resume a workflow run'
            cand retry 'Run a step of a workflow again'
            cand report 'Report a workflow run'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;workflow;validate'= {
            cand --workflow 'The workflow itself instead of a file: YAML text, or an object of the same shape'
            cand --template 'Name of a template or shipped example instead of a file'
            cand --params 'Values of the workflow''s parameters; when any is given, all required ones must be (can be repeated)'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;plan'= {
            cand --workflow 'The workflow itself instead of a file: YAML text, or an object of the same shape'
            cand --template 'Name of a template or shipped example instead of a file'
            cand --params 'Values of the workflow''s parameters; when any is given, all required ones must be (can be repeated)'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --mermaid 'Print the graph as Mermaid text and nothing else'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;run'= {
            cand --workflow 'The workflow itself instead of a file: YAML text, or an object of the same shape'
            cand --template 'Name of a template or shipped example instead of a file'
            cand --params 'Values of the workflow''s parameters (can be repeated)'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand --from-step 'Start at this step; what does not build on it is taken over unchanged from an earlier run'
            cand --reuse 'Take over from this run what is done there and has not changed'
            cand --loaf-id 'Loaf that `loaf.…` in the workflow means'
            cand --request-id 'Name of this request: sending it again returns the same run'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --demo 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent'
            cand --unattended 'Ask nobody: each approval is decided at once by its `unattended` (deny unless it says otherwise)'
            cand -w 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --wait 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --detach 'Return at once with the run''s id'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;status'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -w 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --wait 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --diff 'Show how the file differs by now from what the run was started with'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;list'= {
            cand -s 'Only runs of this status'
            cand --status 'Only runs of this status'
            cand -n 'Most runs to return, newest first; 20 when absent'
            cand --limit 'Most runs to return, newest first; 20 when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --nested 'The runs of nested workflows as well'
            cand --examples 'List the workflows that are shipped with mgr instead, each in one line'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;cancel'= {
            cand --grace 'Time that running steps get to end politely, such as 10s'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;pause'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --let-run 'Let what runs finish; else its processes stop where they are'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;resume'= {
            cand --budget 'The most that the whole run may cost from now on, such as $10'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -w 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --wait 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;retry'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -w 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --wait 'Wait for the end (over MCP for a bounded time) and exit by the outcome'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;report'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;workflow;help'= {
            cand validate 'Check a workflow file'
            cand plan 'Show what a workflow would run'
            cand run 'Run a workflow'
            cand status 'Show how far a workflow is'
            cand list 'List workflow runs'
            cand cancel 'Cancel a workflow run'
            cand pause 'Pause a workflow run'
            cand resume 'Resume a workflow run'
            cand retry 'Run a step of a workflow again'
            cand report 'Report a workflow run'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;workflow;help;validate'= {
        }
        &'mgr;workflow;help;plan'= {
        }
        &'mgr;workflow;help;run'= {
        }
        &'mgr;workflow;help;status'= {
        }
        &'mgr;workflow;help;list'= {
        }
        &'mgr;workflow;help;cancel'= {
        }
        &'mgr;workflow;help;pause'= {
        }
        &'mgr;workflow;help;resume'= {
        }
        &'mgr;workflow;help;retry'= {
        }
        &'mgr;workflow;help;report'= {
        }
        &'mgr;workflow;help;help'= {
        }
        &'mgr;template'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand save 'Keep a workflow or prompt under a name'
            cand list 'List templates'
            cand show 'Show a template'
            cand run 'Run a template'
            cand rm 'Delete a template'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;template;save'= {
            cand --workflow 'The workflow itself: YAML text, or an object of the same shape'
            cand --template 'Name of another template or of a shipped example to copy'
            cand --prompt 'A prompt instead of a workflow; {{ params.x }} in it becomes a parameter'
            cand --from-run 'A run that is over, whose workflow is kept'
            cand --description 'What it is for, in a sentence'
            cand --params 'Types, defaults and descriptions of the prompt''s parameters, by name, as a workflow declares them'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -f 'Replace a template of this name'
            cand --force 'Replace a template of this name'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;template;list'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;template;show'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;template;run'= {
            cand --params 'Values of its parameters (can be repeated)'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand --request-id 'Name of this request: sending it again returns the same run'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --demo 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent'
            cand -w 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --wait 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --detach 'Return at once with the run''s id'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;template;rm'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -y 'Do not ask; only a terminal is asked'
            cand --yes 'Do not ask; only a terminal is asked'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;template;help'= {
            cand save 'Keep a workflow or prompt under a name'
            cand list 'List templates'
            cand show 'Show a template'
            cand run 'Run a template'
            cand rm 'Delete a template'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;template;help;save'= {
        }
        &'mgr;template;help;list'= {
        }
        &'mgr;template;help;show'= {
        }
        &'mgr;template;help;run'= {
        }
        &'mgr;template;help;rm'= {
        }
        &'mgr;template;help;help'= {
        }
        &'mgr;decompose'= {
            cand -C 'Directory that the planner looks at and that the steps work in; over MCP an absolute path'
            cand --working-dir 'Directory that the planner looks at and that the steps work in; over MCP an absolute path'
            cand --planner 'Let this backend plan, which only looks; by rule when absent'
            cand --task-id 'The planner''s task of an earlier call that was still planning'
            cand -o 'Write the workflow to this file; over MCP an absolute path'
            cand --out 'Write the workflow to this file; over MCP an absolute path'
            cand --save 'Save the workflow as a template of this name'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand -f 'Replace a file or template that is there'
            cand --force 'Replace a file or template that is there'
            cand --run 'Run the workflow at once; the command line waits for its end'
            cand --demo 'With run: every agent is the scripted demo agent, and nothing is run or spent'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;parallel'= {
            cand -f 'File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path'
            cand --file 'File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path'
            cand --tasks 'The tasks instead of a file, each with id, prompt and any field of a submit; depends_on names others (can be repeated)'
            cand --steps 'The same as tasks (can be repeated)'
            cand --name 'Name to find the run by'
            cand --max-concurrent 'Most tasks at work at once'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand --loaf-id 'Loaf that the tasks belong to: `loaf.…` in prompts, and metadata `loaf_id` of each'
            cand --request-id 'Name of this request: sending it again returns the same run'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --fail-fast 'Start nothing new after the first failure'
            cand --demo 'Try it out: a scripted agent in place of each, and nothing is run or spent'
            cand -w 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --wait 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --detach 'Return at once with the run''s id'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;race'= {
            cand -b 'The agents that race, 2 to 10; the same one may be named again (can be repeated)'
            cand --backends 'The agents that race, 2 to 10; the same one may be named again (can be repeated)'
            cand -n 'How many attempts each of them gets; one when absent'
            cand --attempts 'How many attempts each of them gets; one when absent'
            cand --verify 'Shell command that must succeed after a racer, or it cannot win (can be repeated)'
            cand --first-success 'False: all finish, then the first of backends that succeeded wins; true when absent'
            cand -C 'Directory to work in; over MCP an absolute path'
            cand --working-dir 'Directory to work in; over MCP an absolute path'
            cand -m 'Model to ask for; each backend''s own choice when absent'
            cand --model 'Model to ask for; each backend''s own choice when absent'
            cand -p 'How much the racers may do'
            cand --posture 'How much the racers may do'
            cand --timeout 'Longest running time of each racer such as 10m; the setting `timeout` when absent'
            cand --isolate 'Where each works: worktree or copy; what the directory allows when absent'
            cand --request-id 'Name of this request: sending it again returns the same race'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --keep-rest 'Let the others finish after one has won'
            cand --apply 'Bring the winner''s result into the directory'
            cand --demo 'Try it out: every racer is the scripted demo agent, and nothing is spent'
            cand -w 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --wait 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach'
            cand --detach 'Return at once with the run''s id'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;inbox'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;answer'= {
            cand --note 'A word on it, which later steps get as the step''s output'
            cand --digest 'Digest of what was reviewed, as the inbox had it; refused if it has changed since'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;dashboard'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --no-browser 'Only print the link; without it a browser is opened where there is a screen'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand open 'Open the dashboard in a browser'
            cand status 'Show whether the dashboard runs'
            cand stop 'End the dashboard'
            cand serve 'Serve the dashboard in this terminal, until Ctrl-C'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;dashboard;open'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --no-browser 'Only print the link; without it a browser is opened where there is a screen'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;dashboard;status'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;dashboard;stop'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;dashboard;serve'= {
            cand --port 'Port on 127.0.0.1, for a tunnel; any free one when 0'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;dashboard;help'= {
            cand open 'Open the dashboard in a browser'
            cand status 'Show whether the dashboard runs'
            cand stop 'End the dashboard'
            cand serve 'Serve the dashboard in this terminal, until Ctrl-C'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;dashboard;help;open'= {
        }
        &'mgr;dashboard;help;status'= {
        }
        &'mgr;dashboard;help;stop'= {
        }
        &'mgr;dashboard;help;serve'= {
        }
        &'mgr;dashboard;help;help'= {
        }
        &'mgr;config'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;doctor'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --fix 'Mend what can be mended without losing anything'
            cand --rebuild 'Make the database anew from the tasks'' files; the old one is put aside'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;capabilities'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;demo'= {
            cand --dir 'Directory for the scratch files; a fresh one under mgr''s home when absent'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'mgr;mcp'= {
            cand --toolsets 'Tool sets to offer: default, all, core, flow, safety, ops; the variable MGR_MCP_TOOLSETS when absent'
            cand --tools 'Tools to offer besides those of the sets'
            cand --allow-dir 'Directory that tasks may work in, besides the one mgr was started in (can be repeated)'
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --read-only 'Offer only tools that change nothing'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
            cand config 'Print what a client''s configuration needs'
            cand install 'Write a client''s configuration, with a backup'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;mcp;config'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;mcp;install'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --project 'Write the file of this project instead of yours'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;mcp;help'= {
            cand config 'Print what a client''s configuration needs'
            cand install 'Write a client''s configuration, with a backup'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;mcp;help;config'= {
        }
        &'mgr;mcp;help;install'= {
        }
        &'mgr;mcp;help;help'= {
        }
        &'mgr;completions'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;man'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;reference'= {
            cand --color 'When to colour: auto, always or never (NO_COLOR is honoured)'
            cand --json 'Print one JSON object instead of text'
            cand -q 'Say nothing but the answer'
            cand --quiet 'Say nothing but the answer'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'mgr;help'= {
            cand submit 'Submit a task to an agent'
            cand run 'Submit a task, follow it, exit by its outcome'
            cand status 'Show a task, or everything live'
            cand watch 'Wait for tasks'
            cand poll 'See what finished'
            cand output 'Get a task''s result'
            cand events 'Read what an agent said and did'
            cand list 'List tasks'
            cand cancel 'Cancel tasks'
            cand pause 'Pause a task'
            cand resume 'Resume a task'
            cand retry 'Retry a failed task'
            cand rerun 'Run a task again'
            cand send 'Follow up with an agent'
            cand explain 'Explain a task'
            cand export 'Export a Markdown report'
            cand cleanup 'Remove old tasks'
            cand diff 'Show what a task changed'
            cand rollback 'Undo what a task changed'
            cand apply 'Bring in an isolated task''s result'
            cand discard 'Give up an isolated task''s directory'
            cand archive 'Look into the archive of workspaces and free its space'
            cand workflow 'Check workflow files, look at their plan, run them'
            cand template 'Keep workflows and prompts under a name'
            cand decompose 'Split a prompt into steps'
            cand parallel 'Run several tasks at once'
            cand race 'Let several agents race at the same work'
            cand inbox 'Show what waits for a person'
            cand answer 'Answer what waits for a person'
            cand dashboard 'Watch and answer on a page in the browser'
            cand config 'Show or change settings'
            cand doctor 'Check what is installed and healthy'
            cand capabilities 'What mgr can do here'
            cand demo 'Take a short tour with a scripted agent'
            cand mcp 'Serve all operations as MCP tools over standard input and output'
            cand completions 'Print a completion script for a shell'
            cand man 'Print the manual page'
            cand reference 'Print the reference in Markdown'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'mgr;help;submit'= {
        }
        &'mgr;help;run'= {
        }
        &'mgr;help;status'= {
        }
        &'mgr;help;watch'= {
        }
        &'mgr;help;poll'= {
        }
        &'mgr;help;output'= {
        }
        &'mgr;help;events'= {
        }
        &'mgr;help;list'= {
        }
        &'mgr;help;cancel'= {
        }
        &'mgr;help;pause'= {
        }
        &'mgr;help;resume'= {
        }
        &'mgr;help;retry'= {
        }
        &'mgr;help;rerun'= {
        }
        &'mgr;help;send'= {
        }
        &'mgr;help;explain'= {
        }
        &'mgr;help;export'= {
        }
        &'mgr;help;cleanup'= {
        }
        &'mgr;help;diff'= {
        }
        &'mgr;help;rollback'= {
        }
        &'mgr;help;apply'= {
        }
        &'mgr;help;discard'= {
        }
        &'mgr;help;archive'= {
            cand list 'List what is archived'
            cand gc 'Free the archive''s space'
            cand restore 'Get archived files out'
        }
        &'mgr;help;archive;list'= {
        }
        &'mgr;help;archive;gc'= {
        }
        &'mgr;help;archive;restore'= {
        }
        &'mgr;help;workflow'= {
            cand validate 'Check a workflow file'
            cand plan 'Show what a workflow would run'
            cand run 'Run a workflow'
            cand status 'Show how far a workflow is'
            cand list 'List workflow runs'
            cand cancel 'Cancel a workflow run'
            cand pause 'Pause a workflow run'
            cand resume 'Resume a workflow run'
            cand retry 'Run a step of a workflow again'
            cand report 'Report a workflow run'
        }
        &'mgr;help;workflow;validate'= {
        }
        &'mgr;help;workflow;plan'= {
        }
        &'mgr;help;workflow;run'= {
        }
        &'mgr;help;workflow;status'= {
        }
        &'mgr;help;workflow;list'= {
        }
        &'mgr;help;workflow;cancel'= {
        }
        &'mgr;help;workflow;pause'= {
        }
        &'mgr;help;workflow;resume'= {
        }
        &'mgr;help;workflow;retry'= {
        }
        &'mgr;help;workflow;report'= {
        }
        &'mgr;help;template'= {
            cand save 'Keep a workflow or prompt under a name'
            cand list 'List templates'
            cand show 'Show a template'
            cand run 'Run a template'
            cand rm 'Delete a template'
        }
        &'mgr;help;template;save'= {
        }
        &'mgr;help;template;list'= {
        }
        &'mgr;help;template;show'= {
        }
        &'mgr;help;template;run'= {
        }
        &'mgr;help;template;rm'= {
        }
        &'mgr;help;decompose'= {
        }
        &'mgr;help;parallel'= {
        }
        &'mgr;help;race'= {
        }
        &'mgr;help;inbox'= {
        }
        &'mgr;help;answer'= {
        }
        &'mgr;help;dashboard'= {
            cand open 'Open the dashboard in a browser'
            cand status 'Show whether the dashboard runs'
            cand stop 'End the dashboard'
            cand serve 'Serve the dashboard in this terminal, until Ctrl-C'
        }
        &'mgr;help;dashboard;open'= {
        }
        &'mgr;help;dashboard;status'= {
        }
        &'mgr;help;dashboard;stop'= {
        }
        &'mgr;help;dashboard;serve'= {
        }
        &'mgr;help;config'= {
        }
        &'mgr;help;doctor'= {
        }
        &'mgr;help;capabilities'= {
        }
        &'mgr;help;demo'= {
        }
        &'mgr;help;mcp'= {
            cand config 'Print what a client''s configuration needs'
            cand install 'Write a client''s configuration, with a backup'
        }
        &'mgr;help;mcp;config'= {
        }
        &'mgr;help;mcp;install'= {
        }
        &'mgr;help;completions'= {
        }
        &'mgr;help;man'= {
        }
        &'mgr;help;reference'= {
        }
        &'mgr;help;help'= {
        }
    ]
    $completions[$command]
}
