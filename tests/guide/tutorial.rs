//! The steps of the tutorial, whose tests are part of what the reader sees.

#![allow(dead_code, reason = "nothing calls main here")]

#[path = "../../src/guide/tutorial/step01.rs"]
mod step01;
#[path = "../../src/guide/tutorial/step02.rs"]
mod step02;
#[path = "../../src/guide/tutorial/step03.rs"]
mod step03;
#[path = "../../src/guide/tutorial/step04.rs"]
mod step04;
#[path = "../../src/guide/tutorial/step05.rs"]
mod step05;
#[path = "../../src/guide/tutorial/step06.rs"]
mod step06;
#[path = "../../src/guide/tutorial/step07.rs"]
mod step07;
#[path = "../../src/guide/tutorial/step08.rs"]
mod step08;
#[path = "../../src/guide/tutorial/step09.rs"]
mod step09;
#[path = "../../src/guide/tutorial/step10.rs"]
mod step10;
