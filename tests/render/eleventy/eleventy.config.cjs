module.exports = () => ({ dir: { output: "output" } });
