'use strict';

const { Contract } = require('fabric-contract-api');

// A contract that stores texts under names. It can also say which chaincode server has
// answered, since each peer has its own.
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

    // putPrivate stores a text in a private data collection. It takes the text from the
    // transient data of the proposal, which do not become part of the transaction, as
    // arguments do.
    async putPrivate(ctx, collection, name) {
        const text = ctx.stub.getTransient().get('text');
        if (!text) {
            throw new Error('the transient data lack "text"');
        }
        await ctx.stub.putPrivateData(collection, name, text);
    }

    async getPrivate(ctx, collection, name) {
        const text = await ctx.stub.getPrivateData(collection, name);
        if (text.length === 0) {
            throw new Error(`there is no note ${JSON.stringify(name)} in ${JSON.stringify(collection)}`);
        }
        return text.toString();
    }

    // server returns the name that this server was given. It is for queries only, since each
    // server answers something else.
    async server() {
        return process.env.SERVER_NAME || '';
    }
}

exports.contracts = [Notes];
