mod base;
mod cases;
mod drifted;
mod models;
mod real_entities;
mod seeds;
