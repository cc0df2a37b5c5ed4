//! `mgr mcp config` and `mgr mcp install`.

use std::fs;

use serde_json::{Value, json};

use crate::client::World;

const CLIENTS: [(&str, &str, &str); 5] = [
    ("claude-code", ".claude.json", "mcpServers"),
    ("claude-desktop", "Claude/claude_desktop_config.json", "mcpServers"),
    ("gemini", ".gemini/settings.json", "mcpServers"),
    ("cursor", ".cursor/mcp.json", "mcpServers"),
    ("vscode", "Code/User/mcp.json", "servers"),
];

/// Where the one file is that was written.
fn path_in(out: &str) -> &str {
    out.split('`').nth(1).unwrap()
}

#[test]
fn an_entry_is_written_beside_the_others_and_only_once() {
    for (client, file, section) in CLIENTS {
        let world = World::new();
        let (code, out, err) = world.run(&["mcp", "install", client]);
        assert_eq!((code, err.as_str()), (0, ""), "{client}");
        let path = path_in(&out).to_owned();
        assert!(path.ends_with(file), "{path}");
        let others = json!({"other": {"command": "x"}});
        fs::write(&path, json!({"theme": "dark", section: others}).to_string()).unwrap();
        let (code, out, _) = world.run(&["mcp", "install", client]);
        assert_eq!(code, 0);
        let backup = out.split('`').nth(3).unwrap();
        assert!(fs::read_to_string(backup).unwrap().contains("dark"));
        let new: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((&new["theme"], &new[section]["other"]["command"]), (&json!("dark"), &json!("x")), "{client}");
        let (_, printed, _) = world.run(&["mcp", "config", client]);
        let printed: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(printed[section]["mgr"], new[section]["mgr"]);
        let command = new[section]["mgr"]["command"].as_str().unwrap();
        assert!(std::path::Path::new(command).is_absolute());
        assert!(world.run(&["mcp", "install", client]).1.contains("has it already"), "{client}");
    }
}

#[test]
fn codex_gets_a_block_and_a_foreign_one_is_left_alone() {
    let world = World::new();
    let (_, out, _) = world.run(&["mcp", "install", "codex"]);
    let path = path_in(&out).to_owned();
    let text = fs::read_to_string(&path).unwrap();
    for line in
        ["[mcp_servers.mgr]", "required = true", "default_tools_approval_mode = \"approve\"", "tool_timeout_sec = 3600"]
    {
        assert!(text.contains(line), "{text}");
    }
    assert!(world.run(&["mcp", "install", "codex"]).1.contains("has it already"));
    let mine = "model = \"o\"\n[mcp_servers.mgr]\ncommand = \"mine\"\n";
    fs::write(&path, mine).unwrap();
    let (code, _, err) = world.run(&["mcp", "install", "codex"]);
    assert_eq!(code, 9);
    assert!(err.contains("has another") && err.contains("mgr mcp config codex"), "{err}");
    assert_eq!(fs::read_to_string(&path).unwrap(), mine);
}

#[test]
fn a_project_has_files_of_its_own() {
    let world = World::new();
    let (code, out, err) = world.run(&["mcp", "install", "claude-code", "--project"]);
    assert_eq!(code, 0, "{err}");
    let path = world.work().canonicalize().unwrap().join(".mcp.json");
    assert_eq!(path_in(&out), path.to_str().unwrap());
    assert!(path.exists());
}
