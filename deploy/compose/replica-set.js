// Makes the MongoDB of compose.yaml ready, and says whether it is: mongosh runs it as the health check, every few seconds.
//
// It promises: the same end from any beginning, however often it runs. Exit 0 where this server is the primary of its set and
// the user of the service is there, else 1. It never changes a set or a user that is there, and prints no secret.
const { MONGO_INITDB_ROOT_USERNAME, MONGO_INITDB_ROOT_PASSWORD, MONGODB_PASSWORD } = process.env;
const admin = db.getSiblingDB("admin");
admin.auth(MONGO_INITDB_ROOT_USERNAME, MONGO_INITDB_ROOT_PASSWORD);

if (!db.hello().setName) {
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "mongodb:27017" }] });
}
// It is elected within seconds, and asked again then.
if (!db.hello().isWritablePrimary) {
  quit(1);
}
if (admin.getUser("sluicegate") === null) {
  // One database for each tenant, which a key may name at any time: the rights cannot be those of one database.
  admin.createUser({ user: "sluicegate", pwd: MONGODB_PASSWORD, roles: ["readWriteAnyDatabase"] });
}
