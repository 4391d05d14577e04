package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/FerretDB/FerretDB/internal/backends"
	"github.com/FerretDB/FerretDB/internal/backends/sqlite/metadata"
	"github.com/FerretDB/FerretDB/internal/types"
	"github.com/FerretDB/FerretDB/internal/util/iterator"
)

// A SQLite backend that finds documents by their ids. FerretDB 1.24 makes its index for another spelling of the id than
// it looks for, so that SQLite reads the whole table for each document: 200 ms at 20,000 documents. And it asks SQLite
// for an id only where the filter is that id and nothing else.
type byID struct {
	backends.Backend
	directory string
	indexed   *sync.Map
}

func (b byID) Database(name string) (backends.Database, error) {
	database, err := b.Backend.Database(name)
	return databaseByID{database, b, name}, err
}

type databaseByID struct {
	backends.Database
	byID
	name string
}

func (d databaseByID) Collection(name string) (backends.Collection, error) {
	collection, err := d.Database.Collection(name)
	return collectionByID{collection}, err
}

func (d databaseByID) CreateCollection(ctx context.Context, params *backends.CreateCollectionParams) error {
	err := d.Database.CreateCollection(ctx, params)
	if err != nil && !backends.ErrorCodeIs(err, backends.ErrorCodeCollectionAlreadyExists) {
		return err
	}
	key := d.name + "." + params.Name
	if _, done := d.indexed.Load(key); !done {
		if err := d.createIndex(ctx, params.Name); err != nil {
			return err
		}
		d.indexed.Store(key, true)
	}
	return err
}

func (d databaseByID) createIndex(ctx context.Context, collection string) error {
	file, err := sql.Open("sqlite", "file:"+d.directory+"/"+d.name+".sqlite?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer file.Close()
	var table string
	find := "SELECT table_name FROM _ferretdb_collections WHERE name = ?"
	if err := file.QueryRowContext(ctx, find, collection).Scan(&table); err != nil {
		return err
	}
	_, err = file.ExecContext(ctx, fmt.Sprintf(
		"CREATE UNIQUE INDEX IF NOT EXISTS %q ON %q (%s)", table+"_by_id", table, metadata.IDColumn,
	))
	return err
}

type collectionByID struct{ backends.Collection }

// A backend may answer more than the filter asks for, the handler filters again: so the filter is reduced to its ids.
func (c collectionByID) Query(ctx context.Context, params *backends.QueryParams) (*backends.QueryResult, error) {
	ids, found := idsOf(params)
	if !found {
		return c.Collection.Query(ctx, params)
	}
	var documents []*types.Document
	for _, id := range ids {
		filter, err := types.NewDocument("_id", id)
		if err != nil {
			return nil, err
		}
		result, err := c.Collection.Query(ctx, &backends.QueryParams{Filter: filter, Comment: params.Comment})
		if err != nil {
			return nil, err
		}
		values, err := iterator.ConsumeValues(result.Iter)
		if err != nil {
			return nil, err
		}
		documents = append(documents, values...)
	}
	return &backends.QueryResult{Iter: iterator.Values(iterator.ForSlice(documents))}, nil
}

// The ids that a filter names, where its documents can be read one by one.
func idsOf(params *backends.QueryParams) (ids []string, found bool) {
	if params == nil || params.OnlyRecordIDs || params.Sort.Len() > 0 || params.Limit > 0 {
		return nil, false
	}
	value, err := params.Filter.Get("_id")
	if err != nil {
		return nil, false
	}
	if id, is := value.(string); is {
		return []string{id}, true
	}
	operators, is := value.(*types.Document)
	if !is || operators.Len() != 1 {
		return nil, false
	}
	list, err := operators.Get("$in")
	if err != nil {
		return nil, false
	}
	array, is := list.(*types.Array)
	if !is {
		return nil, false
	}
	for all := array.Iterator(); ; {
		_, one, err := all.Next()
		if errors.Is(err, iterator.ErrIteratorDone) {
			all.Close()
			return ids, true
		}
		id, is := one.(string)
		if err != nil || !is {
			all.Close()
			return nil, false
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
}
