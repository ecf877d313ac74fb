//! `/v1/embeddings`.

use base64::Engine as _;
use serde_json::json;
use tidegate_testkit::{demo, http};

use crate::house;

#[tokio::test]
async fn vectors_come_as_numbers_or_as_base64_of_the_same() {
    let house = house::plain(&demo::engine("demo")).await;
    let ask = |format: &str| json!({"model": "demo", "input": ["a", "b"], "encoding_format": format});
    let numbers = http::post(house.address, "/v1/embeddings", &ask("float"))
        .await
        .unwrap()
        .json();
    let packed = http::post(house.address, "/v1/embeddings", &ask("base64"))
        .await
        .unwrap()
        .json();
    for place in 0..2 {
        let text = packed["data"][place]["embedding"].as_str().unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        let values: Vec<f32> = bytes
            .chunks_exact(4)
            .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        let listed: Vec<f32> = serde_json::from_value(numbers["data"][place]["embedding"].clone()).unwrap();
        assert_eq!(values, listed);
    }
    assert_eq!(numbers["usage"], json!({"prompt_tokens": 6, "total_tokens": 6}));
}

#[tokio::test]
async fn token_arrays_and_dimensions_are_taken() {
    let house = house::plain(&demo::engine("demo")).await;
    let body = json!({"model": "demo", "input": [[1, 2], [3]], "dimensions": 4});
    let answer = http::post(house.address, "/v1/embeddings", &body)
        .await
        .unwrap()
        .json();
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(answer["data"][1]["index"], 1);
}
