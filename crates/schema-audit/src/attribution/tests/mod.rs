mod base;
mod cases;
mod drifted;
mod models;
mod seeds;
