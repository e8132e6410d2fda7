'use strict';

const { Contract } = require('fabric-contract-api');

// A contract that keeps texts under names, and says which chaincode server has
// answered: each peer has its own.
class Notes extends Contract {
    async put(ctx, name, text) {
        await ctx.stub.putState(name, Buffer.from(JSON.stringify({ docType: 'note', text })));
    }

    async get(ctx, name) {
        const state = await ctx.stub.getState(name);
        if (state.length === 0) {
            throw new Error(`there is no note ${JSON.stringify(name)}`);
        }
        return JSON.parse(state.toString()).text;
    }

    // server is a name that the server was given; to be queried, never endorsed.
    async server() {
        return process.env.SERVER_NAME || '';
    }
}

exports.contracts = [Notes];
