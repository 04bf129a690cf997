//! Cases for the engine: whole nodes on a network of virtual time.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks what it looks at")]

mod adaptive;
mod announce;
mod attempts;
mod cast;
mod contract;
mod crowd;
mod endings;
mod evidence;
mod families;
mod first_day;
mod first_words;
mod flood;
mod formation;
mod group;
mod hello;
mod links;
mod membership;
mod modes;
mod names;
mod net;
mod node;
mod occupancy;
mod offenses;
mod outside;
mod overtaken;
mod places;
mod pressed;
mod price;
mod propose;
mod rates;
mod ready;
mod rendezvous;
mod reopen;
mod reputation;
mod restart;
mod restore;
mod rules;
mod shared;
mod strangers;
mod toys;
mod unsigned;
mod waiting;
mod washing;
mod watching;
