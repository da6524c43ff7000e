//! A skeleton is a connector: it passes the suite as it is written.

use std::os::unix::fs::PermissionsExt;

use muster_connector::ConnectorName;
use muster_connector::conformance::{Settings, run};
use muster_connectors::exec::{Language, Program, skeleton};

use crate::program::start;

#[tokio::test]
async fn every_skeleton_passes_the_conformance_suite() {
    for language in Language::ALL {
        let folder = tempfile::tempdir().expect("a folder");
        let name = ConnectorName::new("my-crm").expect("a name");
        let files = skeleton(&name, language);
        for file in &files {
            let path = folder.path().join(&file.path);
            std::fs::write(&path, &file.contents).expect("written");
            let mode = if file.is_executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("changed");
        }
        let config = std::fs::read(folder.path().join("config.json")).expect("it has a configuration");
        let settings = Settings::new(serde_json::from_slice(&config).expect("JSON"));
        // For an interpreter that is not where every system has its own.
        let program = Program {
            pass_environment: vec!["PATH".to_owned(), "HOME".to_owned()],
            ..Program::at(folder.path().join(&files[0].path))
        };
        let report = run(&start(&program).await, &settings).await;
        assert!(report.has_passed(), "{}: {report:#?}", language.as_str());
        assert_eq!(report.cases.len(), 6);
        assert!(
            files
                .iter()
                .all(|file| !file.contents.contains("NAME") && !file.contents.contains("FILE"))
        );
    }
}
