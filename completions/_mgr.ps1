
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'mgr' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'mgr'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'mgr' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Submit a task to an agent')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Submit a task, follow it, exit by its outcome')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show a task, or everything live')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Wait for tasks')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'See what finished')
            [CompletionResult]::new('output', 'output', [CompletionResultType]::ParameterValue, 'Get a task''s result')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Read what an agent said and did')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List tasks')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel tasks')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Pause a task')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Resume a task')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Retry a failed task')
            [CompletionResult]::new('rerun', 'rerun', [CompletionResultType]::ParameterValue, 'Run a task again')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Follow up with an agent')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a task')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Export a Markdown report')
            [CompletionResult]::new('cleanup', 'cleanup', [CompletionResultType]::ParameterValue, 'Remove old tasks')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what a task changed')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Undo what a task changed')
            [CompletionResult]::new('apply', 'apply', [CompletionResultType]::ParameterValue, 'Bring in an isolated task''s result')
            [CompletionResult]::new('discard', 'discard', [CompletionResultType]::ParameterValue, 'Give up an isolated task''s directory')
            [CompletionResult]::new('archive', 'archive', [CompletionResultType]::ParameterValue, 'Look into the archive of workspaces and free its space')
            [CompletionResult]::new('workflow', 'workflow', [CompletionResultType]::ParameterValue, 'Check workflow files, look at their plan, run them')
            [CompletionResult]::new('template', 'template', [CompletionResultType]::ParameterValue, 'Keep workflows and prompts under a name')
            [CompletionResult]::new('decompose', 'decompose', [CompletionResultType]::ParameterValue, 'Split a prompt into steps')
            [CompletionResult]::new('parallel', 'parallel', [CompletionResultType]::ParameterValue, 'Run several tasks at once')
            [CompletionResult]::new('race', 'race', [CompletionResultType]::ParameterValue, 'Let several agents race at the same work')
            [CompletionResult]::new('inbox', 'inbox', [CompletionResultType]::ParameterValue, 'Show what waits for a person')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer what waits for a person')
            [CompletionResult]::new('dashboard', 'dashboard', [CompletionResultType]::ParameterValue, 'Watch and answer on a page in the browser')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show or change settings')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check what is installed and healthy')
            [CompletionResult]::new('capabilities', 'capabilities', [CompletionResultType]::ParameterValue, 'What mgr can do here')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Take a short tour with a scripted agent')
            [CompletionResult]::new('mcp', 'mcp', [CompletionResultType]::ParameterValue, 'Serve all operations as MCP tools over standard input and output')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('reference', 'reference', [CompletionResultType]::ParameterValue, 'Print the reference in Markdown')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;submit' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Model to ask for; the backend''s own choice when absent')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model to ask for; the backend''s own choice when absent')
            [CompletionResult]::new('--effort', '--effort', [CompletionResultType]::ParameterName, 'How hard the model should think, where the backend has such a thing')
            [CompletionResult]::new('--system-prompt', '--system-prompt', [CompletionResultType]::ParameterName, 'Text to add to the agent''s system prompt')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Background to give along with the prompt')
            [CompletionResult]::new('--include-files', '--include-files', [CompletionResultType]::ParameterName, 'Files whose content goes along with the prompt (can be repeated)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Tags to find the task by (can be repeated)')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags to find the task by (can be repeated)')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Short name to find the task by')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Short name to find the task by')
            [CompletionResult]::new('--metadata', '--metadata', [CompletionResultType]::ParameterName, 'Data of your own to keep with the task (can be repeated)')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could')
            [CompletionResult]::new('--posture', '--posture', [CompletionResultType]::ParameterName, 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Shell command that must succeed after the agent, or the task fails (can be repeated)')
            [CompletionResult]::new('--verify-retries', '--verify-retries', [CompletionResultType]::ParameterName, 'How often a failed check goes back to the agent''s conversation with its output, 0 to 10; 0 when absent')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Longest running time such as 10m; the setting `timeout` when absent')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End the task when the agent is silent for so long with no tool running, such as 5m')
            [CompletionResult]::new('--budget', '--budget', [CompletionResultType]::ParameterName, 'Most money to spend, such as $0.50')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'Most tokens to use, all kinds together')
            [CompletionResult]::new('--max-turns', '--max-turns', [CompletionResultType]::ParameterName, 'Most turns of the model, where the backend can count them')
            [CompletionResult]::new('--max-output', '--max-output', [CompletionResultType]::ParameterName, 'Most output of the agent''s process, such as 100MB; the setting `max_output` when absent')
            [CompletionResult]::new('--output-schema', '--output-schema', [CompletionResultType]::ParameterName, 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)')
            [CompletionResult]::new('--isolate', '--isolate', [CompletionResultType]::ParameterName, 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in')
            [CompletionResult]::new('--setup', '--setup', [CompletionResultType]::ParameterName, 'Shell command that makes the isolated directory ready (can be repeated)')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'What is archived for diff and rollback: all, off or paths:A,B')
            [CompletionResult]::new('--priority', '--priority', [CompletionResultType]::ParameterName, 'Higher starts first; 0 when absent')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Tasks that must be done before this one starts (can be repeated)')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Further attempts after a failure that may pass by itself; 0 when absent')
            [CompletionResult]::new('--fallback', '--fallback', [CompletionResultType]::ParameterName, 'Backends to try in turn when the first fails (can be repeated)')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same task')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--auto-route', '--auto-route', [CompletionResultType]::ParameterName, 'Choose the backend automatically, the same as backend auto')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Let the project''s own agent settings (hooks, MCP servers) run; they are programs of the repository')
            [CompletionResult]::new('--share', '--share', [CompletionResultType]::ParameterName, 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain')
            [CompletionResult]::new('--allow-duplicate', '--allow-duplicate', [CompletionResultType]::ParameterName, 'Start even if the same work is under way')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time)')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;run' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'The agent that does it: auto, claude_code, codex, gemini, gpt, demo or a configured one; the setting `default_backend` when absent')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Role whose text the agent gets: architect, implementer, tester, reviewer, documenter, debugger or security')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Model to ask for; the backend''s own choice when absent')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model to ask for; the backend''s own choice when absent')
            [CompletionResult]::new('--effort', '--effort', [CompletionResultType]::ParameterName, 'How hard the model should think, where the backend has such a thing')
            [CompletionResult]::new('--system-prompt', '--system-prompt', [CompletionResultType]::ParameterName, 'Text to add to the agent''s system prompt')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Background to give along with the prompt')
            [CompletionResult]::new('--include-files', '--include-files', [CompletionResultType]::ParameterName, 'Files whose content goes along with the prompt (can be repeated)')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Tags to find the task by (can be repeated)')
            [CompletionResult]::new('--tags', '--tags', [CompletionResultType]::ParameterName, 'Tags to find the task by (can be repeated)')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Short name to find the task by')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Short name to find the task by')
            [CompletionResult]::new('--metadata', '--metadata', [CompletionResultType]::ParameterName, 'Data of your own to keep with the task (can be repeated)')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could')
            [CompletionResult]::new('--posture', '--posture', [CompletionResultType]::ParameterName, 'How much the agent may do: read_only looks, edit changes files in the directory, full does anything you could')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Shell command that must succeed after the agent, or the task fails (can be repeated)')
            [CompletionResult]::new('--verify-retries', '--verify-retries', [CompletionResultType]::ParameterName, 'How often a failed check goes back to the agent''s conversation with its output, 0 to 10; 0 when absent')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Longest running time such as 10m; the setting `timeout` when absent')
            [CompletionResult]::new('--idle-timeout', '--idle-timeout', [CompletionResultType]::ParameterName, 'End the task when the agent is silent for so long with no tool running, such as 5m')
            [CompletionResult]::new('--budget', '--budget', [CompletionResultType]::ParameterName, 'Most money to spend, such as $0.50')
            [CompletionResult]::new('--max-tokens', '--max-tokens', [CompletionResultType]::ParameterName, 'Most tokens to use, all kinds together')
            [CompletionResult]::new('--max-turns', '--max-turns', [CompletionResultType]::ParameterName, 'Most turns of the model, where the backend can count them')
            [CompletionResult]::new('--max-output', '--max-output', [CompletionResultType]::ParameterName, 'Most output of the agent''s process, such as 100MB; the setting `max_output` when absent')
            [CompletionResult]::new('--output-schema', '--output-schema', [CompletionResultType]::ParameterName, 'JSON Schema that the final answer must fit (on the command line JSON or `@FILE`)')
            [CompletionResult]::new('--isolate', '--isolate', [CompletionResultType]::ParameterName, 'Where the agent works: none is the directory itself, worktree or copy one of its own that `mgr apply` brings in')
            [CompletionResult]::new('--setup', '--setup', [CompletionResultType]::ParameterName, 'Shell command that makes the isolated directory ready (can be repeated)')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'What is archived for diff and rollback: all, off or paths:A,B')
            [CompletionResult]::new('--priority', '--priority', [CompletionResultType]::ParameterName, 'Higher starts first; 0 when absent')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Tasks that must be done before this one starts (can be repeated)')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Further attempts after a failure that may pass by itself; 0 when absent')
            [CompletionResult]::new('--fallback', '--fallback', [CompletionResultType]::ParameterName, 'Backends to try in turn when the first fails (can be repeated)')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same task')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--auto-route', '--auto-route', [CompletionResultType]::ParameterName, 'Choose the backend automatically, the same as backend auto')
            [CompletionResult]::new('--trust-project', '--trust-project', [CompletionResultType]::ParameterName, 'Let the project''s own agent settings (hooks, MCP servers) run; they are programs of the repository')
            [CompletionResult]::new('--share', '--share', [CompletionResultType]::ParameterName, 'Write beside other tasks instead of waiting for the directory; whose change is whose is then uncertain')
            [CompletionResult]::new('--allow-duplicate', '--allow-duplicate', [CompletionResultType]::ParameterName, 'Start even if the same work is under way')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time)')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;status' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;watch' {
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'When the wait is over: all tasks, any task, or first_success')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Longest wait such as 45s, 0 just looks; over MCP at most 50s, or 230s with a progress token')
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Cursor from an earlier answer: tasks that were reported there are not reported again')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--cancel-rest', '--cancel-rest', [CompletionResultType]::ParameterName, 'Cancel the tasks that are still running when the wait is over')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;poll' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'A cursor from an earlier answer, or a time such as 2026-11-20T09:30:00Z; now when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;output' {
            [CompletionResult]::new('--tail', '--tail', [CompletionResultType]::ParameterName, 'Only the last so many lines')
            [CompletionResult]::new('--max-chars', '--max-chars', [CompletionResultType]::ParameterName, 'Most characters to return')
            [CompletionResult]::new('--attempt', '--attempt', [CompletionResultType]::ParameterName, 'Which attempt; the last one when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'The agent''s raw stdout; harmless on a terminal')
            [CompletionResult]::new('--stderr', '--stderr', [CompletionResultType]::ParameterName, 'The agent''s raw stderr; harmless on a terminal')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'What the checks printed')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;events' {
            [CompletionResult]::new('--after', '--after', [CompletionResultType]::ParameterName, 'Cursor from an earlier answer; from the beginning when absent')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most events to return, 1 to 1000')
            [CompletionResult]::new('--kinds', '--kinds', [CompletionResultType]::ParameterName, 'Only these kinds, such as text or tool_started (can be repeated)')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for so long for news when there is none, such as 30s')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--compact', '--compact', [CompletionResultType]::ParameterName, 'Fold tool calls that follow each other, such as `Grep ×7`')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Print events as they come until the task is over (command line)')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Print events as they come until the task is over (command line)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;list' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Only tasks of this status (can be repeated)')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only tasks of this status (can be repeated)')
            [CompletionResult]::new('--health', '--health', [CompletionResultType]::ParameterName, 'Only tasks of this health (can be repeated)')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Only tasks of this backend')
            [CompletionResult]::new('--backend', '--backend', [CompletionResultType]::ParameterName, 'Only tasks of this backend')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Only tasks with this tag')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Only tasks with this tag')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Only tasks with this label')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Only tasks with this label')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Only tasks of this role')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Only tasks of this role')
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'Only tasks of this workflow run: its id, a unique prefix, @last or @-2')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only tasks submitted since a time, or within a duration such as 2h')
            [CompletionResult]::new('--search', '--search', [CompletionResultType]::ParameterName, 'Only tasks whose prompt contains this text')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Most tasks to return, 1 to 1000')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most tasks to return, 1 to 1000')
            [CompletionResult]::new('--cursor', '--cursor', [CompletionResultType]::ParameterName, 'Cursor from an earlier answer, for the next page')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;cancel' {
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Why, to be kept with the task')
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Time for a polite end before everything is killed, such as 5s; the setting `grace` when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;pause' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;resume' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;retry' {
            [CompletionResult]::new('--additional-context', '--additional-context', [CompletionResultType]::ParameterName, 'More to tell the agent this time')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Another backend than before')
            [CompletionResult]::new('--backend-override', '--backend-override', [CompletionResultType]::ParameterName, 'Another backend than before')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;rerun' {
            [CompletionResult]::new('--additional-context', '--additional-context', [CompletionResultType]::ParameterName, 'More to tell the agent this time')
            [CompletionResult]::new('--include-files', '--include-files', [CompletionResultType]::ParameterName, 'Files whose content goes along with the prompt, instead of those of before (can be repeated)')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Another backend than before')
            [CompletionResult]::new('--backend-override', '--backend-override', [CompletionResultType]::ParameterName, 'Another backend than before')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Another directory than before; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Another directory than before; over MCP an absolute path')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;send' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;explain' {
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'How many of the last tasks, when none is named, 1 to 50')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;export' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;cleanup' {
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only tasks that were submitted longer ago than this, such as 7d')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Only tasks of this status (can be repeated); all that are over when absent')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only tasks of this status (can be repeated); all that are over when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--apply', '--apply', [CompletionResultType]::ParameterName, 'Remove them; without it, only say what would go')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;diff' {
            [CompletionResult]::new('--max-chars', '--max-chars', [CompletionResultType]::ParameterName, 'Most characters of list and patch to return at once; the rest comes with the cursor')
            [CompletionResult]::new('--cursor', '--cursor', [CompletionResultType]::ParameterName, 'Cursor from an earlier answer, for the next page')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--stat', '--stat', [CompletionResultType]::ParameterName, 'Only the list of files, no patch')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;rollback' {
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only say what would be done; over MCP true unless false is sent')
            [CompletionResult]::new('--on-conflict', '--on-conflict', [CompletionResultType]::ParameterName, 'For what was changed since: refuse (all of it), skip, theirs (take the archived state), markers (merge)')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most paths to list of each kind')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--undo', '--undo', [CompletionResultType]::ParameterName, 'Take back the last rollback of this task')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;apply' {
            [CompletionResult]::new('--on-conflict', '--on-conflict', [CompletionResultType]::ParameterName, 'For what both sides changed in one place: skip (leave it), refuse (all of it), theirs (the task''s), markers')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most paths to list of each kind')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Only say what would be done')
            [CompletionResult]::new('--undo', '--undo', [CompletionResultType]::ParameterName, 'Take back the last apply of this task')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;discard' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;archive' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is archived')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Free the archive''s space')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Get archived files out')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;archive;list' {
            [CompletionResult]::new('--workspace', '--workspace', [CompletionResultType]::ParameterName, 'Only what was archived of this directory or beneath it')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Most snapshots to return, the newest first')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most snapshots to return, the newest first')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;archive;gc' {
            [CompletionResult]::new('--older-than', '--older-than', [CompletionResultType]::ParameterName, 'Only snapshots that are older than this, such as 7d; the setting `archive_keep` when absent')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'Beyond this size the oldest go, however young; the setting `archive_max_size` when absent')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Most snapshots to list, those that go first')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most snapshots to list, those that go first')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--apply', '--apply', [CompletionResultType]::ParameterName, 'Remove them; without it, only say what would go')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;archive;restore' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Directory to write to, new or empty; over MCP an absolute path')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;archive;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is archived')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Free the archive''s space')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Get archived files out')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;archive;help;list' {
            break
        }
        'mgr;archive;help;gc' {
            break
        }
        'mgr;archive;help;restore' {
            break
        }
        'mgr;archive;help;help' {
            break
        }
        'mgr;workflow' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check a workflow file')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a workflow would run')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a workflow')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how far a workflow is')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List workflow runs')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a workflow run')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Pause a workflow run')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Resume a workflow run')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Run a step of a workflow again')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Report a workflow run')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;workflow;validate' {
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'The workflow itself instead of a file: YAML text, or an object of the same shape')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'Name of a template or shipped example instead of a file')
            [CompletionResult]::new('--params', '--params', [CompletionResultType]::ParameterName, 'Values of the workflow''s parameters; when any is given, all required ones must be (can be repeated)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;plan' {
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'The workflow itself instead of a file: YAML text, or an object of the same shape')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'Name of a template or shipped example instead of a file')
            [CompletionResult]::new('--params', '--params', [CompletionResultType]::ParameterName, 'Values of the workflow''s parameters; when any is given, all required ones must be (can be repeated)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--mermaid', '--mermaid', [CompletionResultType]::ParameterName, 'Print the graph as Mermaid text and nothing else')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;run' {
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'The workflow itself instead of a file: YAML text, or an object of the same shape')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'Name of a template or shipped example instead of a file')
            [CompletionResult]::new('--params', '--params', [CompletionResultType]::ParameterName, 'Values of the workflow''s parameters (can be repeated)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--from-step', '--from-step', [CompletionResultType]::ParameterName, 'Start at this step; what does not build on it is taken over unchanged from an earlier run')
            [CompletionResult]::new('--reuse', '--reuse', [CompletionResultType]::ParameterName, 'Take over from this run what is done there and has not changed')
            [CompletionResult]::new('--loaf-id', '--loaf-id', [CompletionResultType]::ParameterName, 'Loaf that `loaf.…` in the workflow means')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same run')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--demo', '--demo', [CompletionResultType]::ParameterName, 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent')
            [CompletionResult]::new('--unattended', '--unattended', [CompletionResultType]::ParameterName, 'Ask nobody: each approval is decided at once by its `unattended` (deny unless it says otherwise)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return at once with the run''s id')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;status' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Show how the file differs by now from what the run was started with')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;list' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Only runs of this status')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Only runs of this status')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Most runs to return, newest first; 20 when absent')
            [CompletionResult]::new('--limit', '--limit', [CompletionResultType]::ParameterName, 'Most runs to return, newest first; 20 when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--nested', '--nested', [CompletionResultType]::ParameterName, 'The runs of nested workflows as well')
            [CompletionResult]::new('--examples', '--examples', [CompletionResultType]::ParameterName, 'List the workflows that are shipped with mgr instead, each in one line')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;cancel' {
            [CompletionResult]::new('--grace', '--grace', [CompletionResultType]::ParameterName, 'Time that running steps get to end politely, such as 10s')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;pause' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--let-run', '--let-run', [CompletionResultType]::ParameterName, 'Let what runs finish; else its processes stop where they are')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;resume' {
            [CompletionResult]::new('--budget', '--budget', [CompletionResultType]::ParameterName, 'The most that the whole run may cost from now on, such as $10')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;retry' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time) and exit by the outcome')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;report' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;workflow;help' {
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check a workflow file')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a workflow would run')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a workflow')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how far a workflow is')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List workflow runs')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a workflow run')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Pause a workflow run')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Resume a workflow run')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Run a step of a workflow again')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Report a workflow run')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;workflow;help;validate' {
            break
        }
        'mgr;workflow;help;plan' {
            break
        }
        'mgr;workflow;help;run' {
            break
        }
        'mgr;workflow;help;status' {
            break
        }
        'mgr;workflow;help;list' {
            break
        }
        'mgr;workflow;help;cancel' {
            break
        }
        'mgr;workflow;help;pause' {
            break
        }
        'mgr;workflow;help;resume' {
            break
        }
        'mgr;workflow;help;retry' {
            break
        }
        'mgr;workflow;help;report' {
            break
        }
        'mgr;workflow;help;help' {
            break
        }
        'mgr;template' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Keep a workflow or prompt under a name')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List templates')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a template')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a template')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Delete a template')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;template;save' {
            [CompletionResult]::new('--workflow', '--workflow', [CompletionResultType]::ParameterName, 'The workflow itself: YAML text, or an object of the same shape')
            [CompletionResult]::new('--template', '--template', [CompletionResultType]::ParameterName, 'Name of another template or of a shipped example to copy')
            [CompletionResult]::new('--prompt', '--prompt', [CompletionResultType]::ParameterName, 'A prompt instead of a workflow; {{ params.x }} in it becomes a parameter')
            [CompletionResult]::new('--from-run', '--from-run', [CompletionResultType]::ParameterName, 'A run that is over, whose workflow is kept')
            [CompletionResult]::new('--description', '--description', [CompletionResultType]::ParameterName, 'What it is for, in a sentence')
            [CompletionResult]::new('--params', '--params', [CompletionResultType]::ParameterName, 'Types, defaults and descriptions of the prompt''s parameters, by name, as a workflow declares them')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace a template of this name')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a template of this name')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;template;list' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;template;show' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;template;run' {
            [CompletionResult]::new('--params', '--params', [CompletionResultType]::ParameterName, 'Values of its parameters (can be repeated)')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same run')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--demo', '--demo', [CompletionResultType]::ParameterName, 'Try it out: a scripted agent in place of each, and nothing is run, asked, waited for or spent')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return at once with the run''s id')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;template;rm' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask; only a terminal is asked')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask; only a terminal is asked')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;template;help' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Keep a workflow or prompt under a name')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List templates')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a template')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a template')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Delete a template')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;template;help;save' {
            break
        }
        'mgr;template;help;list' {
            break
        }
        'mgr;template;help;show' {
            break
        }
        'mgr;template;help;run' {
            break
        }
        'mgr;template;help;rm' {
            break
        }
        'mgr;template;help;help' {
            break
        }
        'mgr;decompose' {
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory that the planner looks at and that the steps work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory that the planner looks at and that the steps work in; over MCP an absolute path')
            [CompletionResult]::new('--planner', '--planner', [CompletionResultType]::ParameterName, 'Let this backend plan, which only looks; by rule when absent')
            [CompletionResult]::new('--task-id', '--task-id', [CompletionResultType]::ParameterName, 'The planner''s task of an earlier call that was still planning')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the workflow to this file; over MCP an absolute path')
            [CompletionResult]::new('--out', '--out', [CompletionResultType]::ParameterName, 'Write the workflow to this file; over MCP an absolute path')
            [CompletionResult]::new('--save', '--save', [CompletionResultType]::ParameterName, 'Save the workflow as a template of this name')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace a file or template that is there')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a file or template that is there')
            [CompletionResult]::new('--run', '--run', [CompletionResultType]::ParameterName, 'Run the workflow at once; the command line waits for its end')
            [CompletionResult]::new('--demo', '--demo', [CompletionResultType]::ParameterName, 'With run: every agent is the scripted demo agent, and nothing is run or spent')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;parallel' {
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path')
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'File with the tasks: a YAML list, or a mapping with `tasks` or `steps`; over MCP an absolute path')
            [CompletionResult]::new('--tasks', '--tasks', [CompletionResultType]::ParameterName, 'The tasks instead of a file, each with id, prompt and any field of a submit; depends_on names others (can be repeated)')
            [CompletionResult]::new('--steps', '--steps', [CompletionResultType]::ParameterName, 'The same as tasks (can be repeated)')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Name to find the run by')
            [CompletionResult]::new('--max-concurrent', '--max-concurrent', [CompletionResultType]::ParameterName, 'Most tasks at work at once')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--loaf-id', '--loaf-id', [CompletionResultType]::ParameterName, 'Loaf that the tasks belong to: `loaf.…` in prompts, and metadata `loaf_id` of each')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same run')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--fail-fast', '--fail-fast', [CompletionResultType]::ParameterName, 'Start nothing new after the first failure')
            [CompletionResult]::new('--demo', '--demo', [CompletionResultType]::ParameterName, 'Try it out: a scripted agent in place of each, and nothing is run or spent')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return at once with the run''s id')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;race' {
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'The agents that race, 2 to 10; the same one may be named again (can be repeated)')
            [CompletionResult]::new('--backends', '--backends', [CompletionResultType]::ParameterName, 'The agents that race, 2 to 10; the same one may be named again (can be repeated)')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'How many attempts each of them gets; one when absent')
            [CompletionResult]::new('--attempts', '--attempts', [CompletionResultType]::ParameterName, 'How many attempts each of them gets; one when absent')
            [CompletionResult]::new('--verify', '--verify', [CompletionResultType]::ParameterName, 'Shell command that must succeed after a racer, or it cannot win (can be repeated)')
            [CompletionResult]::new('--first-success', '--first-success', [CompletionResultType]::ParameterName, 'False: all finish, then the first of backends that succeeded wins; true when absent')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('--working-dir', '--working-dir', [CompletionResultType]::ParameterName, 'Directory to work in; over MCP an absolute path')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Model to ask for; each backend''s own choice when absent')
            [CompletionResult]::new('--model', '--model', [CompletionResultType]::ParameterName, 'Model to ask for; each backend''s own choice when absent')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'How much the racers may do')
            [CompletionResult]::new('--posture', '--posture', [CompletionResultType]::ParameterName, 'How much the racers may do')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Longest running time of each racer such as 10m; the setting `timeout` when absent')
            [CompletionResult]::new('--isolate', '--isolate', [CompletionResultType]::ParameterName, 'Where each works: worktree or copy; what the directory allows when absent')
            [CompletionResult]::new('--request-id', '--request-id', [CompletionResultType]::ParameterName, 'Name of this request: sending it again returns the same race')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--keep-rest', '--keep-rest', [CompletionResultType]::ParameterName, 'Let the others finish after one has won')
            [CompletionResult]::new('--apply', '--apply', [CompletionResultType]::ParameterName, 'Bring the winner''s result into the directory')
            [CompletionResult]::new('--demo', '--demo', [CompletionResultType]::ParameterName, 'Try it out: every racer is the scripted demo agent, and nothing is spent')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Wait for the end (over MCP for a bounded time); the command line does unless it is to detach')
            [CompletionResult]::new('--detach', '--detach', [CompletionResultType]::ParameterName, 'Return at once with the run''s id')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;inbox' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;answer' {
            [CompletionResult]::new('--note', '--note', [CompletionResultType]::ParameterName, 'A word on it, which later steps get as the step''s output')
            [CompletionResult]::new('--digest', '--digest', [CompletionResultType]::ParameterName, 'Digest of what was reviewed, as the inbox had it; refused if it has changed since')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;dashboard' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--no-browser', '--no-browser', [CompletionResultType]::ParameterName, 'Only print the link; without it a browser is opened where there is a screen')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the dashboard in a browser')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show whether the dashboard runs')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'End the dashboard')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve the dashboard in this terminal, until Ctrl-C')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;dashboard;open' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--no-browser', '--no-browser', [CompletionResultType]::ParameterName, 'Only print the link; without it a browser is opened where there is a screen')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;dashboard;status' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;dashboard;stop' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;dashboard;serve' {
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Port on 127.0.0.1, for a tunnel; any free one when 0')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;dashboard;help' {
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the dashboard in a browser')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show whether the dashboard runs')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'End the dashboard')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve the dashboard in this terminal, until Ctrl-C')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;dashboard;help;open' {
            break
        }
        'mgr;dashboard;help;status' {
            break
        }
        'mgr;dashboard;help;stop' {
            break
        }
        'mgr;dashboard;help;serve' {
            break
        }
        'mgr;dashboard;help;help' {
            break
        }
        'mgr;config' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;doctor' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Mend what can be mended without losing anything')
            [CompletionResult]::new('--rebuild', '--rebuild', [CompletionResultType]::ParameterName, 'Make the database anew from the tasks'' files; the old one is put aside')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;capabilities' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;demo' {
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Directory for the scratch files; a fresh one under mgr''s home when absent')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'mgr;mcp' {
            [CompletionResult]::new('--toolsets', '--toolsets', [CompletionResultType]::ParameterName, 'Tool sets to offer: default, all, core, flow, safety, ops; the variable MGR_MCP_TOOLSETS when absent')
            [CompletionResult]::new('--tools', '--tools', [CompletionResultType]::ParameterName, 'Tools to offer besides those of the sets')
            [CompletionResult]::new('--allow-dir', '--allow-dir', [CompletionResultType]::ParameterName, 'Directory that tasks may work in, besides the one mgr was started in (can be repeated)')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--read-only', '--read-only', [CompletionResultType]::ParameterName, 'Offer only tools that change nothing')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Print what a client''s configuration needs')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write a client''s configuration, with a backup')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;mcp;config' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;mcp;install' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--project', '--project', [CompletionResultType]::ParameterName, 'Write the file of this project instead of yours')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;mcp;help' {
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Print what a client''s configuration needs')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write a client''s configuration, with a backup')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;mcp;help;config' {
            break
        }
        'mgr;mcp;help;install' {
            break
        }
        'mgr;mcp;help;help' {
            break
        }
        'mgr;completions' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;man' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;reference' {
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour: auto, always or never (NO_COLOR is honoured)')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print one JSON object instead of text')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but the answer')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'mgr;help' {
            [CompletionResult]::new('submit', 'submit', [CompletionResultType]::ParameterValue, 'Submit a task to an agent')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Submit a task, follow it, exit by its outcome')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show a task, or everything live')
            [CompletionResult]::new('watch', 'watch', [CompletionResultType]::ParameterValue, 'Wait for tasks')
            [CompletionResult]::new('poll', 'poll', [CompletionResultType]::ParameterValue, 'See what finished')
            [CompletionResult]::new('output', 'output', [CompletionResultType]::ParameterValue, 'Get a task''s result')
            [CompletionResult]::new('events', 'events', [CompletionResultType]::ParameterValue, 'Read what an agent said and did')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List tasks')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel tasks')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Pause a task')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Resume a task')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Retry a failed task')
            [CompletionResult]::new('rerun', 'rerun', [CompletionResultType]::ParameterValue, 'Run a task again')
            [CompletionResult]::new('send', 'send', [CompletionResultType]::ParameterValue, 'Follow up with an agent')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a task')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Export a Markdown report')
            [CompletionResult]::new('cleanup', 'cleanup', [CompletionResultType]::ParameterValue, 'Remove old tasks')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Show what a task changed')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Undo what a task changed')
            [CompletionResult]::new('apply', 'apply', [CompletionResultType]::ParameterValue, 'Bring in an isolated task''s result')
            [CompletionResult]::new('discard', 'discard', [CompletionResultType]::ParameterValue, 'Give up an isolated task''s directory')
            [CompletionResult]::new('archive', 'archive', [CompletionResultType]::ParameterValue, 'Look into the archive of workspaces and free its space')
            [CompletionResult]::new('workflow', 'workflow', [CompletionResultType]::ParameterValue, 'Check workflow files, look at their plan, run them')
            [CompletionResult]::new('template', 'template', [CompletionResultType]::ParameterValue, 'Keep workflows and prompts under a name')
            [CompletionResult]::new('decompose', 'decompose', [CompletionResultType]::ParameterValue, 'Split a prompt into steps')
            [CompletionResult]::new('parallel', 'parallel', [CompletionResultType]::ParameterValue, 'Run several tasks at once')
            [CompletionResult]::new('race', 'race', [CompletionResultType]::ParameterValue, 'Let several agents race at the same work')
            [CompletionResult]::new('inbox', 'inbox', [CompletionResultType]::ParameterValue, 'Show what waits for a person')
            [CompletionResult]::new('answer', 'answer', [CompletionResultType]::ParameterValue, 'Answer what waits for a person')
            [CompletionResult]::new('dashboard', 'dashboard', [CompletionResultType]::ParameterValue, 'Watch and answer on a page in the browser')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show or change settings')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Check what is installed and healthy')
            [CompletionResult]::new('capabilities', 'capabilities', [CompletionResultType]::ParameterValue, 'What mgr can do here')
            [CompletionResult]::new('demo', 'demo', [CompletionResultType]::ParameterValue, 'Take a short tour with a scripted agent')
            [CompletionResult]::new('mcp', 'mcp', [CompletionResultType]::ParameterValue, 'Serve all operations as MCP tools over standard input and output')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a completion script for a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print the manual page')
            [CompletionResult]::new('reference', 'reference', [CompletionResultType]::ParameterValue, 'Print the reference in Markdown')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'mgr;help;submit' {
            break
        }
        'mgr;help;run' {
            break
        }
        'mgr;help;status' {
            break
        }
        'mgr;help;watch' {
            break
        }
        'mgr;help;poll' {
            break
        }
        'mgr;help;output' {
            break
        }
        'mgr;help;events' {
            break
        }
        'mgr;help;list' {
            break
        }
        'mgr;help;cancel' {
            break
        }
        'mgr;help;pause' {
            break
        }
        'mgr;help;resume' {
            break
        }
        'mgr;help;retry' {
            break
        }
        'mgr;help;rerun' {
            break
        }
        'mgr;help;send' {
            break
        }
        'mgr;help;explain' {
            break
        }
        'mgr;help;export' {
            break
        }
        'mgr;help;cleanup' {
            break
        }
        'mgr;help;diff' {
            break
        }
        'mgr;help;rollback' {
            break
        }
        'mgr;help;apply' {
            break
        }
        'mgr;help;discard' {
            break
        }
        'mgr;help;archive' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List what is archived')
            [CompletionResult]::new('gc', 'gc', [CompletionResultType]::ParameterValue, 'Free the archive''s space')
            [CompletionResult]::new('restore', 'restore', [CompletionResultType]::ParameterValue, 'Get archived files out')
            break
        }
        'mgr;help;archive;list' {
            break
        }
        'mgr;help;archive;gc' {
            break
        }
        'mgr;help;archive;restore' {
            break
        }
        'mgr;help;workflow' {
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check a workflow file')
            [CompletionResult]::new('plan', 'plan', [CompletionResultType]::ParameterValue, 'Show what a workflow would run')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a workflow')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show how far a workflow is')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List workflow runs')
            [CompletionResult]::new('cancel', 'cancel', [CompletionResultType]::ParameterValue, 'Cancel a workflow run')
            [CompletionResult]::new('pause', 'pause', [CompletionResultType]::ParameterValue, 'Pause a workflow run')
            [CompletionResult]::new('resume', 'resume', [CompletionResultType]::ParameterValue, 'Resume a workflow run')
            [CompletionResult]::new('retry', 'retry', [CompletionResultType]::ParameterValue, 'Run a step of a workflow again')
            [CompletionResult]::new('report', 'report', [CompletionResultType]::ParameterValue, 'Report a workflow run')
            break
        }
        'mgr;help;workflow;validate' {
            break
        }
        'mgr;help;workflow;plan' {
            break
        }
        'mgr;help;workflow;run' {
            break
        }
        'mgr;help;workflow;status' {
            break
        }
        'mgr;help;workflow;list' {
            break
        }
        'mgr;help;workflow;cancel' {
            break
        }
        'mgr;help;workflow;pause' {
            break
        }
        'mgr;help;workflow;resume' {
            break
        }
        'mgr;help;workflow;retry' {
            break
        }
        'mgr;help;workflow;report' {
            break
        }
        'mgr;help;template' {
            [CompletionResult]::new('save', 'save', [CompletionResultType]::ParameterValue, 'Keep a workflow or prompt under a name')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List templates')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show a template')
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a template')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Delete a template')
            break
        }
        'mgr;help;template;save' {
            break
        }
        'mgr;help;template;list' {
            break
        }
        'mgr;help;template;show' {
            break
        }
        'mgr;help;template;run' {
            break
        }
        'mgr;help;template;rm' {
            break
        }
        'mgr;help;decompose' {
            break
        }
        'mgr;help;parallel' {
            break
        }
        'mgr;help;race' {
            break
        }
        'mgr;help;inbox' {
            break
        }
        'mgr;help;answer' {
            break
        }
        'mgr;help;dashboard' {
            [CompletionResult]::new('open', 'open', [CompletionResultType]::ParameterValue, 'Open the dashboard in a browser')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show whether the dashboard runs')
            [CompletionResult]::new('stop', 'stop', [CompletionResultType]::ParameterValue, 'End the dashboard')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Serve the dashboard in this terminal, until Ctrl-C')
            break
        }
        'mgr;help;dashboard;open' {
            break
        }
        'mgr;help;dashboard;status' {
            break
        }
        'mgr;help;dashboard;stop' {
            break
        }
        'mgr;help;dashboard;serve' {
            break
        }
        'mgr;help;config' {
            break
        }
        'mgr;help;doctor' {
            break
        }
        'mgr;help;capabilities' {
            break
        }
        'mgr;help;demo' {
            break
        }
        'mgr;help;mcp' {
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Print what a client''s configuration needs')
            [CompletionResult]::new('install', 'install', [CompletionResultType]::ParameterValue, 'Write a client''s configuration, with a backup')
            break
        }
        'mgr;help;mcp;config' {
            break
        }
        'mgr;help;mcp;install' {
            break
        }
        'mgr;help;completions' {
            break
        }
        'mgr;help;man' {
            break
        }
        'mgr;help;reference' {
            break
        }
        'mgr;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
