mod facts;
mod live;
mod models;
