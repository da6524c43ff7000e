//! Of which data type an execution was that has ended, while others are collected instead.

use muster_core::decide::Command;
use muster_core::decide::integration::{create, update};
use muster_core::words::{DataType, Principal};

use crate::model::{Model, data_type, definition, finish, intervals, organization};

#[test]
fn an_end_stays_with_its_data_type_while_others_come_and_go() {
    let mut model = Model::new(3);
    model.check_in(0, false);
    model.create(create::Create {
        organization: organization(),
        definition: definition(0),
        intervals: intervals(3, 60),
        draft: false,
        request: None,
    });
    let id = model.state.everywhere().integrations().next().expect("it is there").id;
    // The runner has fewer slots than there are data types.
    for _ in 0..2 {
        model.dispatch();
        for work in model.runners[0].work.clone() {
            model.report(0, work, 1, |report| Command::Finish(finish(report, 0)), true);
        }
    }
    let ended = |model: &Model| -> Vec<Option<DataType>> {
        let integration = model.state.everywhere().integration(id).expect("it is there");
        let kind = |place| {
            integration
                .collections
                .get_indexed(place)
                .expect("it is collected")
                .0
                .clone()
        };
        integration.window.ends().map(|end| end.place.map(kind)).collect()
    };
    let mut before = ended(&model);
    before.sort();
    assert_eq!(before, [0, 1, 2].map(|n| Some(data_type(n))));

    let before = ended(&model);
    for left in [vec![1, 2], vec![2], vec![0, 1, 2]] {
        let mut kinds = intervals(3, 60);
        kinds.retain(|kind, _| left.iter().any(|n| data_type(*n) == *kind));
        let command = Command::UpdateIntegration(update::Update {
            organization: organization(),
            integration: id,
            definition: definition(0),
            intervals: kinds,
            version: None,
        });
        model.ask(&Principal::local(), command).expect("it may be changed");
        // Nobody remembers of one that comes back what was there before it went.
        let kept = if left.len() == 3 { vec![2] } else { left };
        let is_kept = |kind: &DataType| kept.iter().any(|n| data_type(*n) == *kind);
        let wanted = before.iter().map(|kind| kind.clone().filter(is_kept));
        assert_eq!(ended(&model), wanted.collect::<Vec<_>>());
    }
}
