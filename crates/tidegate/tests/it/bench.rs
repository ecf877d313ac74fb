//! `tidegate bench`: the numbers are there and make sense.

use serde_json::Value;

use crate::program::{Home, Serving};
use crate::server::{Reply, Server};

#[test]
fn bench_engine_measures_both_phases() {
    let home = Home::new();
    let arguments = [
        "bench",
        "engine",
        "--model",
        &home.model(),
        "--prompt",
        "64",
        "--gen",
        "16",
        "--threads",
        "1",
    ];
    let ran = home.run(&[&arguments[..], &["--sequences", "2", "--repeat", "1", "--json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    for key in [
        "prefill_tokens_per_second",
        "decode_tokens_per_second",
        "machine_bandwidth",
        "machine_peak",
    ] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}: {report}");
    }
    // So small a model lives in the cache: its share of the memory's bandwidth may be above 1.
    for key in ["decode_share_of_bandwidth", "prefill_share_of_peak"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}: {report}");
    }
    let long = home.run(&[&arguments[..], &["--gen", "100000"]].concat());
    assert_eq!(long.code, Some(64), "{long:?}");
}

#[test]
fn bench_http_measures_a_server() {
    let home = Home::new();
    let serving = Serving::start(&home, &["--model", &format!("m={}", home.model())]);
    let ran = home.run(&[
        "bench",
        "http",
        "--url",
        &serving.url,
        "--clients",
        "4",
        "--requests",
        "12",
        "--prompt-tokens",
        "20",
        "--gen",
        "16",
        "--json",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&report["requests"], &report["errors"]),
        (&12.into(), &0.into()),
        "{report}"
    );
    assert_eq!(
        (&report["output_tokens"], &report["tokens_counted_by"]),
        (&192.into(), &"usage".into())
    );
    assert!(
        report["time_to_first_token_ms"]["p99"].as_f64().unwrap() > 0.0,
        "{report}"
    );
}

#[test]
fn bench_http_counts_errors_and_pieces_where_the_server_counts_nothing() {
    let home = Home::new();
    let stream = b"data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                   data: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    let server = Server::start(|request, number| match number {
        _ if request.path == "/v1/models" => Reply::json(&serde_json::json!({"data": [{"id": "x"}]})),
        2 | 3 => Reply::new(200)
            .body(stream)
            .header("Content-Type", "text/event-stream"),
        _ => Reply::new(500),
    });
    let ran = home.run(&[
        "bench",
        "http",
        "--url",
        &server.url(""),
        "--clients",
        "1",
        "--requests",
        "3",
        "--json",
    ]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (&report["requests"], &report["errors"]),
        (&1.into(), &2.into()),
        "{report}"
    );
    assert_eq!(
        (&report["output_tokens"], &report["tokens_counted_by"]),
        (&2.into(), &"chunks".into())
    );
}
