package main

import (
	"fmt"
	"reflect"
	"unsafe"
)

// field returns a pointer to the named field of the struct obj points to, also
// when it is unexported. The simulator has no API for what a test harness
// needs to reach (its session table, its update handlers), and a missing field
// after an upgrade of govmomi must fail loudly, hence the panics.
func field[T any](obj any, name string) *T {
	v := fieldValue(obj, name)
	p, ok := v.Addr().Interface().(*T)
	if !ok {
		panic(fmt.Sprintf("%T.%s is a %s", obj, name, v.Type()))
	}
	return p
}

// fieldValue is field for types that cannot be named outside the simulator.
func fieldValue(obj any, name string) reflect.Value {
	v := reflect.ValueOf(obj).Elem().FieldByName(name)
	if !v.IsValid() {
		panic(fmt.Sprintf("%T has no field %s", obj, name))
	}
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

// deepCopy copies a value with everything it points to. Fields that cannot be
// set (those of time.Time, for instance) are copied as they are.
func deepCopy[T any](src T) T {
	return copyValue(reflect.ValueOf(&src).Elem()).Interface().(T)
}

func copyValue(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			p := reflect.New(v.Type().Elem())
			p.Elem().Set(copyValue(v.Elem()))
			out.Set(p)
		}
	case reflect.Interface:
		if !v.IsNil() {
			out.Set(copyValue(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			s := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			for i := range v.Len() {
				s.Index(i).Set(copyValue(v.Index(i)))
			}
			out.Set(s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if out.Field(i).CanSet() {
				out.Field(i).Set(copyValue(v.Field(i)))
			}
		}
	}
	return out
}
