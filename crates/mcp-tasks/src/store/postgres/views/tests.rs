//! When a view counts, and when it does not: in a time of the test's own.

use mcp_core::RawJson;
use mcp_core::protocol::JsonObject;

use super::*;
use crate::store::{Ended, ManualClock, NewTask, TaskRequest, TaskRow};

const WITHIN: Duration = Duration::from_secs(2);
const MILLI: Duration = Duration::from_millis(1);

fn row() -> TaskRow {
    let request = TaskRequest {
        method: "tools/call".to_owned(),
        tool: "t".to_owned(),
        version: None,
        params: RawJson::null(),
    };
    let mut task = NewTask::new(request);
    task.principal = Some("alice".to_owned());
    TaskRow::new(TaskId::generate().unwrap(), task, Timestamp::from_millis(1000))
}

fn view(row: &TaskRow) -> Arc<TaskView> {
    Arc::new(TaskView::of(row).unwrap())
}

/// Its end, as others see it.
fn ended(row: &TaskRow) -> TaskRow {
    let mut row = row.clone();
    row.claim(row.created_at, MILLI);
    let result = JsonObject::from_serialize(&serde_json::json!({})).unwrap();
    row.finish(row.fence, row.created_at, Ended::Completed(result)).unwrap();
    row
}

fn read_and_put(views: &Views, row: &TaskRow) {
    let ticket = views.ticket(&row.id);
    views.put(&row.id, &view(row), ticket);
}

fn shown(views: &Views, row: &TaskRow) -> Option<u64> {
    views.get(&row.id, Some("alice"), None).map(|view| view.revision())
}

/// A whole round in which nothing had changed, at the time of the database.
fn round(views: &Views, time: u64) {
    let round = views.begin().unwrap();
    views.heard(round.beat);
    let unchanged = round.ids.iter().map(TaskId::as_str).collect();
    assert_eq!(views.end(&round, &unchanged, Timestamp::from_millis(time)), []);
}

fn listening() -> Views {
    let views = Views::new(WITHIN);
    views.start_over(true);
    views
}

#[tokio::test(start_paused = true)]
async fn nothing_counts_before_a_heartbeat_has_come_back_nor_for_longer_than_the_bound() {
    let (views, row) = (listening(), row());
    read_and_put(&views, &row);
    assert_eq!(shown(&views, &row), None, "nothing is known of the connection yet");
    let begun = views.begin().unwrap();
    let unchanged = HashSet::from([row.id.as_str()]);
    views.end(&begun, &unchanged, Timestamp::from_millis(2000));
    assert_eq!(shown(&views, &row), None, "asking works, news may not");
    views.heard(begun.beat);
    assert_eq!(shown(&views, &row), Some(1));

    tokio::time::advance(WITHIN - MILLI).await;
    assert_eq!(shown(&views, &row), Some(1));
    tokio::time::advance(MILLI).await;
    assert_eq!(shown(&views, &row), None, "the heartbeat is too old");
    assert_eq!(shown(&views, &row), None);
    assert!(views.begin().is_none(), "all was dropped with it");

    // A heartbeat that comes late counts from when it was sent; one that was overtaken does not count at all.
    read_and_put(&views, &row);
    let late = views.begin().unwrap();
    tokio::time::advance(WITHIN / 2).await;
    views.end(&late, &unchanged, Timestamp::from_millis(2000));
    views.heard(late.beat);
    tokio::time::advance(WITHIN / 2 - MILLI).await;
    assert_eq!(shown(&views, &row), Some(1));
    tokio::time::advance(MILLI).await;
    assert_eq!(shown(&views, &row), None);
    read_and_put(&views, &row);
    let first = views.begin().unwrap();
    let second = views.begin().unwrap();
    views.end(&second, &unchanged, Timestamp::from_millis(2000));
    views.heard(first.beat);
    assert_eq!(shown(&views, &row), None);
}

#[tokio::test(start_paused = true)]
async fn a_view_that_no_round_confirms_is_not_older_than_the_bound() {
    let (views, row, other) = (listening(), self::row(), self::row());
    read_and_put(&views, &other);
    round(&views, 2000);
    read_and_put(&views, &row);
    for certain in [true, true, false] {
        // The answers of these are only of the other.
        let begun = views.begin().unwrap();
        views.heard(begun.beat);
        let without = Round { ids: vec![], revisions: vec![], ..begun };
        views.end(&without, &HashSet::new(), Timestamp::from_millis(2000));
        tokio::time::advance(WITHIN / 2 - MILLI).await;
        assert_eq!(shown(&views, &row).is_some(), certain);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_something_was_learned_is_not_kept() {
    let (views, row) = (listening(), row());
    let later = ended(&row);
    let other = self::row();
    read_and_put(&views, &other);
    round(&views, 2000);
    for learn in [
        (|views, row| views.changed(&row.id)) as fn(&Views, &TaskRow),
        |views, row| views.saw(&row.id, row.revision),
        |views, _| views.start_over(true),
        |views, _| views.clear(),
        // Another read it at the same time, and may have been shown more than this one.
        |views, row| {
            let ticket = views.ticket(&row.id);
            views.put(&row.id, &view(row), ticket);
            views.changed(&row.id);
        },
    ] {
        let ticket = views.ticket(&row.id);
        learn(&views, &later);
        views.put(&row.id, &view(&row), ticket);
        assert!(views.shelf().views.get(&row.id).is_none());
    }
    // Nor while nobody listens.
    views.start_over(false);
    read_and_put(&views, &row);
    assert!(views.begin().is_none());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_shown_less_than_somebody_was_shown() {
    let (views, row) = (listening(), row());
    let later = ended(&row);
    read_and_put(&views, &row);
    round(&views, 2000);
    views.saw(&row.id, row.revision);
    assert_eq!(shown(&views, &row), Some(1), "the same is no reason to drop it");
    // One asked the database before, and one after the change; their answers came the other way round.
    let (before, after) = (views.ticket(&row.id), views.ticket(&row.id));
    views.put(&row.id, &view(&later), after);
    views.put(&row.id, &view(&row), before);
    assert_eq!(shown(&views, &row), Some(later.revision));
    views.changed(&row.id);
    assert_eq!(shown(&views, &row), None);
    read_and_put(&views, &row);
    views.saw(&row.id, later.revision);
    assert_eq!(shown(&views, &row), None);
}

#[tokio::test(start_paused = true)]
async fn a_round_finds_what_no_news_told() {
    let (views, row, same) = (listening(), self::row(), self::row());
    read_and_put(&views, &row);
    read_and_put(&views, &same);
    let begun = views.begin().unwrap();
    views.heard(begun.beat);
    let unchanged = HashSet::from([same.id.as_str()]);
    let changed = views.end(&begun, &unchanged, Timestamp::from_millis(2000));
    assert_eq!(changed, std::slice::from_ref(&row.id));
    assert_eq!((shown(&views, &row), shown(&views, &same)), (None, Some(1)));
    // What was put in the place of what the round asked for is not its business.
    let begun = views.begin().unwrap();
    let later = ended(&same);
    views.changed(&same.id);
    read_and_put(&views, &later);
    assert_eq!(views.end(&begun, &HashSet::new(), Timestamp::from_millis(2000)), []);
    assert_eq!(shown(&views, &same), Some(later.revision));
}

#[tokio::test(start_paused = true)]
async fn others_and_those_who_are_late_are_sent_to_the_database() {
    let (views, row) = (listening(), row());
    read_and_put(&views, &row);
    let expires = row.expires_at().unwrap().as_millis();
    round(&views, expires - 500);
    assert_eq!(shown(&views, &row), Some(1));
    for stranger in [None, Some("bob"), Some("")] {
        assert!(views.get(&row.id, stranger, None).is_none(), "{stranger:?}");
    }
    let clock = ManualClock::default();
    assert!(
        views.get(&row.id, Some("alice"), Some(&clock)).is_none(),
        "a clock that is given counts"
    );
    tokio::time::advance(Duration::from_millis(498)).await;
    assert_eq!(shown(&views, &row), Some(1));
    tokio::time::advance(MILLI).await;
    assert_eq!(shown(&views, &row), None, "rather a moment too early than too late");
}

#[tokio::test(start_paused = true)]
async fn it_is_bounded_and_gives_up_what_nobody_asks_for() {
    let views = listening();
    let rows: Vec<_> = (0..3 * VIEWS).map(|_| row()).collect();
    for row in &rows {
        read_and_put(&views, row);
    }
    assert!(views.begin().unwrap().ids.len() <= VIEWS);
    let mut large = row();
    large.status_message = Some("x".repeat(BYTES / 40));
    for _ in 0..100 {
        large.id = TaskId::generate().unwrap();
        read_and_put(&views, &large);
    }
    let bytes: usize = views.shelf().views.iter().map(|(_, kept)| kept.view.json().len()).sum();
    assert!(bytes <= BYTES, "{bytes}");
    large.status_message = Some("x".repeat(BYTES));
    read_and_put(&views, &large);
    assert!(views.shelf().views.get(&large.id).is_none());

    views.clear();
    let (asked, unasked) = (row(), row());
    read_and_put(&views, &asked);
    read_and_put(&views, &unasked);
    for _ in 0..UNASKED + 1 {
        round(&views, 2000);
        assert_eq!(shown(&views, &asked), Some(1));
        tokio::time::advance(WITHIN / 2).await;
    }
    assert_eq!(views.begin().unwrap().ids, std::slice::from_ref(&asked.id));
    // And nothing is told nor asked once nobody asks for anything.
    for _ in 0..UNASKED {
        views.begin();
    }
    assert!(views.begin().is_none());

    let off = Views::new(Duration::ZERO);
    off.start_over(true);
    read_and_put(&off, &asked);
    assert!(off.within().is_none() && off.begin().is_none());
}
