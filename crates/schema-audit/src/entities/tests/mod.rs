mod facts;
mod models;
